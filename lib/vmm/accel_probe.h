// Whether KVM is of use here, found out by running a guest under it.
//
//   SNAP_ASSIGN(const AccelChoice choice, choose_accel(config.accel));
//   // {Accel::kTcg, "KVM runs 1.7 M loops/s, less than 100 M: it emulates"}
//
// That /dev/kvm opens proves little: inside some virtual machines it does, and then emulates each
// instruction, a thousand times slower than TCG translates it, until it meets one that it cannot.
// So the probe lets a virtual CPU count for up to 100 ms and looks at the rate. The answer is kept
// for the life of the process. Any thread may ask.
//
// A process that starts many others can tell them the answer, so that they need not probe and all decide alike:
//
//   environment[kAutoAccelVariable] = to_text(*choose_accel(Accel::kAuto));
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/vmm/vm.h"

namespace snaphammer::vmm {

/// What the probe saw.
struct KvmProbe {
  bool usable = false;
  std::string reason;  ///< Also when usable: "KVM runs 1900 M loops/s".
};

/// Runs the probe now, on the KVM device at `device`; takes about 100 ms at most.
KvmProbe probe_kvm(const char* device = "/dev/kvm");

/// The accelerator to use: kKvm or kTcg, never kAuto.
struct AccelChoice {
  Accel accel = Accel::kTcg;
  std::string reason;
};

/// Decides what `wanted` means on this host. kUnfit when KVM is demanded and is of no use.
Result<AccelChoice> choose_accel(Accel wanted);
/// The same from a given probe's answer.
Result<AccelChoice> choose_accel(Accel wanted, const KvmProbe& probe);

/// The variable of a process's environment that tells it what `accel: auto` means. What is no such text is ignored.
inline constexpr const char* kAutoAccelVariable = "SNAPHAMMER_AUTO_ACCEL";
/// What was chosen for Accel::kAuto: "tcg: KVM runs 1.7 M loops/s, less than 100 M loops/s: it emulates".
std::string to_text(const AccelChoice& automatic);
/// The answer of the probe that such text tells; nothing when it is no such text.
std::optional<KvmProbe> told_probe(std::string_view text);

}  // namespace snaphammer::vmm
