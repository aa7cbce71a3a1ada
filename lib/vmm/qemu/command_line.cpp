#include "lib/vmm/qemu/command_line.h"

#include <initializer_list>

#include <fmt/format.h>

namespace snaphammer::vmm {
namespace {

// A value inside a QEMU option list, where a comma ends it and a doubled one is a comma.
std::string escaped(const std::string& value) {
  std::string result;
  for (const char c : value) result.append(c == ',' ? 2 : 1, c);
  return result;
}

std::string on_off(bool on) { return on ? "on" : "off"; }

constexpr std::initializer_list<const char*> kKernelArguments = {
    "console=ttyS0",
    // Warnings and worse go to the console, where they are looked for; more would slow the boot by a quarter.
    "loglevel=5",
    // A panic resets the machine at once, and QEMU ends then (-no-reboot): the end is seen without a timeout.
    "panic=-1",
    // Addresses of symbols are those of the kernel's symbol table.
    "nokaslr",
    // Not needed here and slow to ask for under emulation: BIOS disk data; self-tests of ciphers (0.7 s).
    "edd=off",
    "cryptomgr.notests",
    // What a system call passes through and a guest without policies has no use for: security modules (a thirtieth of the
    // code that an emulator translates after a restore), accounts of pressure.
    "lsm=capability",
    "psi=0",
};

}  // namespace

std::vector<std::string> machine_arguments(const VmConfig& config, Accel accel) {
  const bool kvm = accel == Accel::kKvm;
  return {
      "-nodefaults",
      "-no-user-config",
      // Threads get names: "CPU 0/TCG".
      "-name",
      "debug-threads=on",
      "-machine",
      "q35,memory-backend=ram,sata=off,smbus=off,vmport=off",
      "-accel",
      kvm ? "kvm" : "tcg,thread=multi",
      "-cpu",
      kvm ? "host" : "max",
      "-smp",
      std::to_string(config.vcpus),
      "-m",
      fmt::format("{}B", config.memory),
      // The file is opened by QEMU itself, shared, so that the host reads the very pages of the guest.
      "-object",
      fmt::format("memory-backend-file,id=ram,size={}B,mem-path=/proc/self/fd/{},share=on", config.memory,
                  static_cast<int>(kRamDescriptor)),
      "-serial",
      "chardev:console",
      "-device",
      fmt::format("virtio-balloon-pci,id=balloon,free-page-reporting={},deflate-on-oom={}",
                  on_off(config.balloon.free_page_reporting), on_off(config.balloon.deflate_on_oom)),
      "-device",
      fmt::format("vhost-vsock-pci,id=vsock,guest-cid={},vhostfd={}", kGuestCid, static_cast<int>(kPacketDescriptor)),
  };
}

std::vector<std::string> boot_arguments(const VmConfig& config) {
  return {
      "-kernel", config.kernel, "-initrd", config.initramfs, "-append", kernel_command_line(config.kernel_args),
  };
}

std::vector<std::string> host_arguments(const std::filesystem::path& console_log, bool incoming) {
  std::vector<std::string> arguments = {
      "-display",   "none",
      "-no-reboot", "-S",
      "-msg",       "timestamp=on",
      "-chardev",   fmt::format("socket,id=monitor,fd={}", static_cast<int>(kMonitorDescriptor)),
      "-mon",       "chardev=monitor,mode=control",
      "-chardev",   fmt::format("file,id=console,path={},append=on", escaped(console_log.string())),
  };
  if (incoming) arguments.insert(arguments.end(), {"-incoming", "defer"});
  return arguments;
}

std::string kernel_command_line(const std::vector<std::string>& extra) {
  std::string result;
  for (const std::string argument : kKernelArguments) result += argument + " ";
  for (const std::string& argument : extra) result += argument + " ";
  result.pop_back();
  return result;
}

}  // namespace snaphammer::vmm
