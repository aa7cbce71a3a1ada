// What oracles, faults and results may know about a connection. Plain values, copied out of the
// host side.
#pragma once

#include <cstdint>

#include "lib/base/units.h"
#include "lib/vsock/connection.h"

namespace snaphammer::vsock {

enum class Initiator { kHost, kGuest };

struct ConnectionInfo {
  std::uint64_t id = 0;  ///< Unique within a Host, never reused, in the order of opening.
  Initiator initiator = Initiator::kHost;
  std::uint32_t guest_port = 0;
  std::uint32_t host_port = 0;
  TimePoint opened = {};
  ConnectionState state = ConnectionState::kConnecting;
  CloseReason close_reason = CloseReason::kNone;
  /// What the guest and the connection sent to each other, before faults took any of it away.
  std::uint64_t packets_to_guest = 0;
  std::uint64_t packets_from_guest = 0;
  std::uint64_t bytes_to_guest = 0;
  std::uint64_t bytes_from_guest = 0;
  /// Waiting at this moment: for the guest's credit, and for the client to read.
  std::size_t buffered_to_guest = 0;
  std::size_t buffered_to_client = 0;
};

}  // namespace snaphammer::vsock
