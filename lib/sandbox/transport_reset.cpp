#include "lib/sandbox/transport_reset.h"

namespace snaphammer::sandbox {

vsock::Verdict AwaitTransportReset::decide(const vsock::PacketContext& context) {
  if (handled_) return vsock::Verdict::pass();
  const bool request = context.packet.header.op == vsock::Op::kRequest;
  if (context.direction == vsock::Direction::kFromGuest && request && context.host_port == output_port_) {
    handled_ = true;
    return vsock::Verdict::pass();
  }
  const bool answer_to_stray = context.direction == vsock::Direction::kToGuest &&
                               context.packet.header.op == vsock::Op::kRst && context.connection == nullptr;
  return answer_to_stray ? vsock::Verdict::drop() : vsock::Verdict::pass();
}

}  // namespace snaphammer::sandbox
