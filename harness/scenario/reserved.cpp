// Names that belong to the format. A scenario that uses one which nobody has registered is told that this build lacks
// it, rather than that there is no such thing.
#include "harness/scenario/kinds.h"

namespace snaphammer::scenario {
namespace {

template <class Entry>
bool reserve(std::initializer_list<const char*> names) {
  for (const char* name : names) Catalog<Entry>::of().reserve(name);
  return true;
}

const bool kReserved = reserve<WorkloadKind>({"zero-pages", "cpp-heap", "go-heap", "ledger", "ticker"}) &&
                       reserve<FaultKind>({"vsock.drop",
                                           "vsock.reset",
                                           "vsock.delay",
                                           "vsock.stall",
                                           "vsock.half_open",
                                           "vsock.lose_event",
                                           "balloon.inflate",
                                           "balloon.deflate",
                                           "balloon.storm",
                                           "uffd.remove",
                                           "uffd.delay",
                                           "uffd.read_error",
                                           "uffd.kill_handler",
                                           "uffd.stop_handler",
                                           "uffd.bad_handoff",
                                           "memory.flip_bit",
                                           "snapshot.flip_byte",
                                           "snapshot.truncate",
                                           "snapshot.no_space",
                                           "snapshot.swap_generation",
                                           "vmm.kill",
                                           "vmm.stop",
                                           "agent.kill",
                                           "agent.stall",
                                           "agent.double_restore_signal",
                                           "agent.poll_health",
                                           "proxy.flood",
                                           "host.cpu_hog",
                                           "host.wait",
                                           "abort"});

}  // namespace
}  // namespace snaphammer::scenario
