#include "lib/vmm/vm.h"

namespace snaphammer::vmm {

std::string_view name_of(Accel accel) {
  switch (accel) {
    case Accel::kAuto:
      return "auto";
    case Accel::kKvm:
      return "kvm";
    case Accel::kTcg:
      return "tcg";
  }
  return "unknown";
}

std::string_view name_of(Capability capability) {
  switch (capability) {
    case Capability::kDiffSnapshots:
      return "diff-snapshots";
    case Capability::kFreezePoints:
      return "freeze-points";
    case Capability::kPacketFaults:
      return "packet-faults";
    case Capability::kQueueState:
      return "queue-state";
    case Capability::kRemoveInjection:
      return "remove-injection";
  }
  return "unknown";
}

std::string VmEnd::describe() const { return cause.empty() ? status.describe() : status.describe() + ": " + cause; }

}  // namespace snaphammer::vmm
