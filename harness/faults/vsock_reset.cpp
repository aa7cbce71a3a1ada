// vsock.reset
#include "harness/faults/packet_fault.h"

namespace snaphammer::faults {
namespace {

class Reset final : public PacketFault {
 public:
  using Args = PacketChoice;
  explicit Reset(PacketChoice choice) : PacketFault(std::move(choice), vsock::Verdict::reset()) {}
};

const FaultRegistration<Reset> registration{"vsock.reset",
                                            "A packet ends its connection on both sides.",
                                            "vsock.reset, args: {port: 1024, after: 2, count: 1}",
                                            "packets pass again; ended connections stay ended",
                                            {"packet-faults"}};

}  // namespace
}  // namespace snaphammer::faults
