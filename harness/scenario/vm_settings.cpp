#include "harness/scenario/vm_settings.h"

#include <algorithm>

#include <fmt/format.h>

#include "harness/scenario/union.h"

namespace snaphammer::scenario {
namespace {

/// Its files are in memory, too: with 112 MiB a workload dies of SIGBUS, with 96 the kernel panics.
constexpr ByteCount kDefaultImageMemory = 128_MiB;

}  // namespace

void describe(Choices<BackendChoice>& words) {
  words.add(BackendChoice::kQemu, "qemu", "unmodified QEMU with the interposer");
  words.add(BackendChoice::kFirecracker, "firecracker", "Firecracker; needs KVM");
}
void describe(Choices<AccelChoice>& words) {
  words.add(AccelChoice::kAuto, "auto", "KVM when a guest runs at a sane speed under it, else TCG");
  words.add(AccelChoice::kKvm, "kvm", "hardware virtualization");
  words.add(AccelChoice::kTcg, "tcg", "emulation: works everywhere");
}

void describe(Fields<BalloonSettings>& fields) {
  fields.add(
      "free_page_reporting", &BalloonSettings::free_page_reporting,
      "The guest reports free memory, and the VMM discards it at once. Linux reports only while far more is free "
      "than it needs: nothing in a guest of 128MiB.");
  fields.add("deflate_on_oom", &BalloonSettings::deflate_on_oom,
             "The guest takes memory back from the balloon before it kills processes.");
}
void describe(Fields<KernelImage>& fields) {
  fields.add("kernel", &KernelImage::kernel, "An x86-64 bzImage.").required();
  fields.add("initramfs", &KernelImage::initramfs, "A cpio archive that starts snaphammer-agent.").required();
}
void describe(Fields<RootImage>& fields) {
  fields
      .add("root", &RootImage::root,
           "A directory that is unpacked into the guest's memory as its root file system. The default image's kernel "
           "and "
           "modules, the agent (as /init) and the workloads are added. Programs that steps run must be in it, and "
           "socat where ports are to be reached.")
      .required();
}
void describe(Union<ImageChoice>& shapes) {
  shapes.word<DefaultImage>("default", "Debian's cloud kernel, BusyBox, the agent and the workloads");
  shapes.map<KernelImage>("kernel");
  shapes.map<RootImage>("root");
}

void describe(Fields<VmSettings>& fields) {
  fields.add("backend", &VmSettings::backend, "The virtual machine monitor.");
  fields.add("accel", &VmSettings::accel, "The accelerator.");
  fields.size("memory", &VmSettings::memory, "Guest memory; a multiple of 2MiB. The default image needs 128MiB.")
      .between(64_MiB, 1024_GiB)
      .check([](ByteCount memory, Reader& reader, const Node& node) {
        if (memory % 2_MiB != 0) reader.expected(node, "a multiple of 2MiB");
      });
  fields.add("vcpus", &VmSettings::vcpus, "Virtual CPUs.").between(1, 64);
  fields
      .add("kernel_args", &VmSettings::kernel_args,
           "Added at the end of the guest kernel's command line, where they win over the harness's own, such as "
           "`lsm=capability` and `psi=0`.")
      .check([](const std::vector<std::string>& args, Reader& reader, const Node& node) {
        for (std::size_t i = 0; i < args.size(); ++i) {
          const bool printable =
              std::all_of(args[i].begin(), args[i].end(), [](char c) { return c >= ' ' && c <= '~'; });
          if (args[i].empty() || !printable) reader.expected(node.items[i], "one kernel argument");
        }
      });
  fields.add("balloon", &VmSettings::balloon, "The balloon device.");
  fields.add("image", &VmSettings::image, "What the guest boots.");
  fields.rule([](VmSettings& vm, Reader& reader, const Node& node) {
    if (vm.memory >= kDefaultImageMemory || !std::holds_alternative<DefaultImage>(vm.image)) return;
    const Node* const memory = node.find("memory");
    reader.fail(memory != nullptr ? *memory : node,
                fmt::format("vm.memory: {} are too little for the default image", format_bytes(vm.memory)),
                fmt::format("give it {} or more", format_bytes(kDefaultImageMemory)));
  });
}

}  // namespace snaphammer::scenario
