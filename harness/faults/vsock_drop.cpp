// vsock.drop
#include "harness/faults/packet_fault.h"

namespace snaphammer::faults {
namespace {

class Drop final : public PacketFault {
 public:
  using Args = PacketChoice;
  explicit Drop(PacketChoice choice) : PacketFault(std::move(choice), vsock::Verdict::drop()) {}
};

const FaultRegistration<Drop> registration{"vsock.drop",
                                           "Packets are lost; a vsock stream goes on with a hole.",
                                           "vsock.drop, args: {port: 1024, count: 1}",
                                           "packets pass again; what was dropped stays lost",
                                           {"packet-faults"}};

}  // namespace
}  // namespace snaphammer::faults
