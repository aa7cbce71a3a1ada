// vsock.stall
#include "harness/faults/packet_fault.h"

namespace snaphammer::faults {
namespace {

class Stall final : public PacketFault {
 public:
  using Args = PacketChoice;
  explicit Stall(PacketChoice choice) : PacketFault(std::move(choice), vsock::Verdict::stall()) {}
};

const FaultRegistration<Stall> registration{
    "vsock.stall",
    "Packets, and all behind them of their connection and direction, wait until it is healed.",
    "vsock.stall, as: s, for: 2s",
    "what waited goes on, in order",
    {"packet-faults"}};

}  // namespace
}  // namespace snaphammer::faults
