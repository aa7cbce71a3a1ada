#include "lib/vmm/accel_probe.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/base/unique_fd.h"
#include "lib/base/units.h"

namespace snaphammer::vmm {
namespace {

constexpr std::uint32_t kLoopsPerEntry = 20'000;
constexpr Duration kLimit = std::chrono::milliseconds(50);
// Real hardware counts at about its clock rate, an emulating KVM at 1 to 2 million a second.
constexpr double kSaneLoopsPerSecond = 100e6;

// How a text begins that tells what `accel: auto` means.
constexpr std::string_view kUsable = "kvm: ";
constexpr std::string_view kUseless = "tcg: ";

constexpr std::uint64_t kCodeAddress = 0x1000;
// 16-bit real mode: count down, tell the host by a port, and start again.
constexpr std::array<std::uint8_t, 14> kCode = {
    0x66, 0xb9, kLoopsPerEntry & 0xff, (kLoopsPerEntry >> 8) & 0xff, (kLoopsPerEntry >> 16) & 0xff,
    0x00,        // mov ecx, kLoopsPerEntry
    0x66, 0x49,  // dec ecx
    0x75, 0xfc,  // jnz the dec
    0xe6, 0x80,  // out 0x80, al
    0xeb, 0xf2,  // jmp the mov
};

Error kvm_error(const char* request) { return errno_error(std::string("KVM: ") + request); }

// A virtual machine with one page of memory and one virtual CPU, ready to run kCode.
struct Machine {
  Mapping memory;
  UniqueFd vm;
  UniqueFd vcpu;
  Mapping run;
};

Result<Machine> make_machine(int kvm) {
  Machine machine;
  SNAP_ASSIGN(machine.memory, Mapping::map(kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS));
  std::memcpy(machine.memory.data(), kCode.data(), kCode.size());

  machine.vm = UniqueFd(::ioctl(kvm, KVM_CREATE_VM, 0));
  if (!machine.vm) return kvm_error("create a VM");
  kvm_userspace_memory_region region{};
  region.guest_phys_addr = kCodeAddress;
  region.memory_size = kPageSize;
  region.userspace_addr = reinterpret_cast<std::uintptr_t>(machine.memory.data());
  if (::ioctl(machine.vm.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0) {
    return kvm_error("give it memory");
  }

  machine.vcpu = UniqueFd(::ioctl(machine.vm.get(), KVM_CREATE_VCPU, 0));
  if (!machine.vcpu) return kvm_error("create a vCPU");
  const int size = ::ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < 0) return kvm_error("ask for the size of a vCPU's state");
  SNAP_ASSIGN(machine.run,
              Mapping::map(static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, machine.vcpu.get()));

  kvm_sregs segments{};
  if (::ioctl(machine.vcpu.get(), KVM_GET_SREGS, &segments) != 0) return kvm_error("get segments");
  segments.cs.base = 0;
  segments.cs.selector = 0;
  if (::ioctl(machine.vcpu.get(), KVM_SET_SREGS, &segments) != 0) return kvm_error("set segments");
  kvm_regs registers{};
  registers.rip = kCodeAddress;
  registers.rflags = 2;  // The one flag that is always set.
  if (::ioctl(machine.vcpu.get(), KVM_SET_REGS, &registers) != 0) return kvm_error("set registers");
  return machine;
}

// Loops per second in the best of several entries: an entry that was preempted says nothing about KVM. Ends with the
// first sane one.
Result<double> measure(const Machine& machine) {
  const auto* run = reinterpret_cast<const kvm_run*>(machine.run.data());
  const TimePoint end = SteadyClock::now() + kLimit;
  double best = 0;
  for (TimePoint before = SteadyClock::now(); before < end && best < kSaneLoopsPerSecond;) {
    if (::ioctl(machine.vcpu.get(), KVM_RUN, 0) != 0 && errno != EINTR) {
      return kvm_error("run a vCPU");
    }
    if (run->exit_reason != KVM_EXIT_IO) {
      return Error(ErrorKind::kUnfit,
                   "KVM stopped a counting vCPU with exit reason " + std::to_string(run->exit_reason));
    }
    const TimePoint after = SteadyClock::now();
    best = std::max(best, kLoopsPerEntry / std::chrono::duration<double>(after - before).count());
    before = after;
  }
  return best;
}

std::string in_millions(double loops_per_second) {
  const double millions = loops_per_second / 1e6;
  return fmt::format("{:.{}f} M loops/s", millions, millions < 10 ? 1 : 0);
}

Result<double> loops_per_second(const char* device) {
  const UniqueFd kvm(::open(device, O_RDWR | O_CLOEXEC));
  if (!kvm) return errno_error(std::string("open ") + device);
  if (const int version = ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0); version != KVM_API_VERSION) {
    return Error(ErrorKind::kUnfit, std::string(device) + ": not a KVM device of API version 12");
  }
  SNAP_ASSIGN(const Machine machine, make_machine(kvm.get()));
  return measure(machine);
}

}  // namespace

KvmProbe probe_kvm(const char* device) {
  const Result<double> rate = loops_per_second(device);
  if (!rate) return {.usable = false, .reason = rate.error().message()};
  if (*rate < kSaneLoopsPerSecond) {
    return {.usable = false,
            .reason =
                "KVM runs " + in_millions(*rate) + ", less than " + in_millions(kSaneLoopsPerSecond) + ": it emulates"};
  }
  return {.usable = true, .reason = "KVM runs " + in_millions(*rate)};
}

Result<AccelChoice> choose_accel(Accel wanted, const KvmProbe& probe) {
  if (wanted == Accel::kTcg) return AccelChoice{Accel::kTcg, "asked for"};
  if (probe.usable) return AccelChoice{Accel::kKvm, probe.reason};
  if (wanted == Accel::kAuto) return AccelChoice{Accel::kTcg, probe.reason};
  return Error(ErrorKind::kUnfit, "KVM was asked for and is of no use here: " + probe.reason)
      .advise("use `accel: auto` or `accel: tcg`, or a host with working /dev/kvm that you may open");
}

Result<AccelChoice> choose_accel(Accel wanted) {
  if (wanted == Accel::kTcg) return choose_accel(wanted, KvmProbe{});
  static const KvmProbe probe = [] {
    const char* const told = std::getenv(kAutoAccelVariable);
    std::optional<KvmProbe> answer = told_probe(told != nullptr ? told : "");
    return answer ? *std::move(answer) : probe_kvm();
  }();
  return choose_accel(wanted, probe);
}

std::string to_text(const AccelChoice& automatic) {
  return std::string(automatic.accel == Accel::kKvm ? kUsable : kUseless) + automatic.reason;
}

std::optional<KvmProbe> told_probe(std::string_view text) {
  for (const std::string_view answer : {kUsable, kUseless}) {
    if (text.starts_with(answer)) {
      return KvmProbe{.usable = answer == kUsable, .reason = std::string(text.substr(answer.size()))};
    }
  }
  return std::nullopt;
}

}  // namespace snaphammer::vmm
