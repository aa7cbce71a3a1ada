#include <array>
#include <fstream>

#include "harness/doctor/checks.h"
#include "harness/engine/host_memory.h"

namespace snaphammer::doctor {
namespace {

// One guest of the default size with QEMU and worker around it.
constexpr ByteCount kMemoryOfOneRun = ByteCount{512} << 20;

std::string describe(UffdWay way) {
  switch (way) {
    case UffdWay::kSyscall:
      return "userfaultfd(2), faults of user and kernel";
    case UffdWay::kDevice:
      return "/dev/userfaultfd";
    case UffdWay::kUserMode:
      return "userfaultfd(2), faults of user mode only";
  }
  return "?";
}

}  // namespace

Finding check_userfaultfd(const Host& host) {
  std::string refusals;
  for (const UffdWay way : {UffdWay::kSyscall, UffdWay::kDevice, UffdWay::kUserMode}) {
    const Result<void> opened = host.open_userfaultfd(way);
    if (!opened) {
      refusals += (refusals.empty() ? "" : "; ") + opened.error().message();
      continue;
    }
    if (way != UffdWay::kUserMode) return {.state = State::kGood, .found = describe(way)};
    return {State::kLimited, describe(way), "enough under TCG; under KVM a restored guest would fault in the kernel",
            "sysctl vm.unprivileged_userfaultfd=1, or give this user access to /dev/userfaultfd"};
  }
  return {State::kMissing, refusals, "no guest can be restored",
          "sysctl vm.unprivileged_userfaultfd=1, or run as root; in a container allow the "
          "userfaultfd system call "
          "(its seccomp profile forbids it)"};
}

Finding check_memfd(const Host& host) {
  const Result<void> opened = host.open_memfd();
  if (opened) return {.state = State::kGood, .found = "memfd_create(2)"};
  return {State::kMissing, opened.error().message(), "no guest can have memory",
          "use a kernel of version 3.17 or newer, and allow memfd_create in the container's "
          "seccomp profile"};
}

Finding check_memory(const Host& host) {
  const auto available = engine::available_memory(host.root);
  if (!available) {
    return {State::kLimited, "/proc/meminfo does not say how much is available", "runs may be killed for memory",
            "mount /proc"};
  }
  const std::string found = std::to_string(*available >> 20) + " MiB available";
  if (*available >= kMemoryOfOneRun) return {.state = State::kGood, .found = found};
  return {State::kLimited, found, "a run with a 256 MiB guest may be killed for memory",
          "free some: a run needs about " + std::to_string(kMemoryOfOneRun >> 20) + " MiB"};
}

Finding check_huge_pages(const Host& host) {
  const std::filesystem::path file = host.root / "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
  std::uint64_t pages = 0;
  if (std::ifstream(file) >> pages && pages > 0) {
    return {.state = State::kGood, .found = std::to_string(pages) + " of 2 MiB reserved"};
  }
  return {State::kLimited, "none reserved", "scenarios with guest memory in huge pages are skipped",
          "sysctl vm.nr_hugepages=256"};
}

}  // namespace snaphammer::doctor
