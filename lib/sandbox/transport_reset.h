// Keeps a restored guest from being told twice that its connections are gone.
#pragma once

#include "lib/vsock/packet_filter.h"

namespace snaphammer::sandbox {

/// Withholds RSTs for connections that the host does not know, until the guest opens a connection to `output_port`.
///
/// A restored guest still has the connections of the snapshot's moment. The virtio transport reset ends all of
/// them, but a packet that the guest sends before it has handled that event would be answered by RST; the agent would
/// see its output connection break, connect again, and have the new connection killed by the transport reset still
/// to come. Without such RSTs the agent's new connection proves that the reset has been handled, whatever the timing.
/// (Firecracker holds back its own packets to the same end.)
class AwaitTransportReset final : public vsock::PacketFilter {
 public:
  explicit AwaitTransportReset(std::uint32_t output_port) : output_port_(output_port) {}

  vsock::Verdict decide(const vsock::PacketContext& context) override;

  /// Withholds nothing any more: the reset is taken to be lost. Should it come after all, the agent connects once more.
  void give_up() { handled_ = true; }

 private:
  const std::uint32_t output_port_;
  bool handled_ = false;
};

}  // namespace snaphammer::sandbox
