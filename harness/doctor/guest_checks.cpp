#include <charconv>
#include <fstream>
#include <regex>

#include <nlohmann/json.hpp>

#include "harness/doctor/checks.h"

namespace snaphammer::doctor {
namespace {

namespace fs = std::filesystem;

// The first release whose vhost-vsock and userfaultfd behaviour the interposer was written against.
constexpr int kOldestQemu = 6;

bool is_readable_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && std::ifstream(path).good();
}

}  // namespace

Result<std::string> qemu_version(const Host& host) {
  const Result<std::string> said = host.output_of({"qemu-system-x86_64", "--version"});
  if (!said) {
    return Error(ErrorKind::kUnfit, said.error().message()).advise("install QEMU: apt-get install qemu-system-x86");
  }
  static const std::regex pattern(R"(version (\d+\.\d+(\.\d+)?))");
  std::smatch match;
  if (!std::regex_search(*said, match, pattern)) {
    return Error(ErrorKind::kUnfit, "qemu-system-x86_64 --version says something that is not a version")
        .advise("check which qemu-system-x86_64 is first in PATH");
  }
  return match.str(1);
}

Finding check_qemu(const Host& host) {
  const Result<std::string> version = qemu_version(host);
  if (!version) return {State::kMissing, version.error().message(), "no guest can run", version.error().advice()};
  if (std::stoi(*version) < kOldestQemu) {
    return {State::kMissing, "version " + *version + ", too old", "no guest can run",
            "install QEMU " + std::to_string(kOldestQemu) + ".0 or newer"};
  }
  return {.state = State::kGood, .found = "version " + *version};
}

Finding check_accelerator(const Host& host) {
  const auto accel = host.probe_accel();
  if (!accel) {
    return {State::kLimited, accel.error().message(), "scenarios with `accel: auto` use TCG",
            "for KVM: a host with /dev/kvm that this user may open"};
  }
  if (accel->accel == vmm::Accel::kKvm) return {.state = State::kGood, .found = "KVM: " + accel->reason};
  return {State::kLimited, "TCG: " + accel->reason, "guests run several times slower than under KVM",
          "for KVM: a host with /dev/kvm that this user may open, and that is not itself emulated"};
}

Finding check_interposer(const Host& host) {
  const fs::path& library = host.installation.interposer;
  if (is_readable_file(library)) return {.state = State::kGood, .found = library};
  return {State::kMissing, library.string() + ": not there", "no guest can be restored or reached by vsock",
          "build or install all of Snaphammer (ci/snaphammer does), or set SNAPHAMMER_INTERPOSER "
          "to the library"};
}

Finding check_guest_image(const Host& host) {
  const fs::path& image = host.installation.guest_image;
  const std::string remedy =
      "build it (ci/snaphammer does; guest-workloads/image/build-image), or set SNAPHAMMER_IMAGE "
      "to its directory";
  if (image.empty()) {
    return {State::kMissing, "none was built", "only scenarios with an image of their own can run", remedy};
  }
  for (const char* part : {"vmlinuz", "initramfs"}) {
    if (!is_readable_file(image / part)) {
      return {State::kMissing, (image / part).string() + ": not there", "no guest can boot", remedy};
    }
  }
  std::ifstream manifest(image / "manifest.json");
  const auto json = nlohmann::json::parse(manifest, nullptr, /*allow_exceptions=*/false);
  const std::string kernel = json.is_object() ? json.value("kernel_release", "") : "";
  return {.state = State::kGood, .found = (kernel.empty() ? "" : "Linux " + kernel + " in ") + image.string()};
}

Finding check_gdb(const Host& host) {
  const Result<std::string> version = host.output_of({"gdb", "--version"});
  if (version) return {.state = State::kGood, .found = version->substr(0, version->find('\n'))};
  return {State::kLimited, "not installed", "stacks of hung host threads show kernel frames only",
          "apt-get install gdb"};
}

}  // namespace snaphammer::doctor
