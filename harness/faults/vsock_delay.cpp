// vsock.delay
#include "harness/faults/packet_fault.h"

namespace snaphammer::faults {
namespace {

struct Delay {
  Duration by = std::chrono::milliseconds(100);
  PacketChoice choice;
};
void describe(Fields<Delay>& fields) {
  fields.add("by", &Delay::by, "How much later a packet goes on.").between(Duration(0), std::chrono::hours(1));
  fields.embed(&Delay::choice);
}

class DelayPackets final : public PacketFault {
 public:
  using Args = Delay;
  explicit DelayPackets(Delay args) : PacketFault(std::move(args.choice), vsock::Verdict::delayed(args.by)) {}
};

const FaultRegistration<DelayPackets> registration{"vsock.delay",
                                                   "Packets go on later, in order.",
                                                   "vsock.delay, as: slow, for: 2s, args: {by: 100ms}",
                                                   "packets pass at once again",
                                                   {"packet-faults"}};

}  // namespace
}  // namespace snaphammer::faults
