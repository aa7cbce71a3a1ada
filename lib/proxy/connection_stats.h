// What a proxy knows of its connections. Plain values.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/units.h"

namespace snaphammer::proxy {

/// One open connection.
struct ConnectionInfo {
  std::uint64_t id = 0;
  std::uint32_t guest_port = 0;
  std::string peer;  ///< "127.0.0.1:51034", or "unix".
  TimePoint opened;
  ByteCount to_guest = 0;
  ByteCount from_guest = 0;
};

/// Why a connection is no more.
enum class Ending {
  kOrderly,      ///< Both sides said their end.
  kBroken,       ///< One side reset it or went away.
  kUnreachable,  ///< The guest did not take it, or not in time.
  kIdle,
  kForced,  ///< Interrupted by a pause, or by stop().
};

/// Since the proxy was made. accepted = refused + over_limit + open + all endings.
struct ProxyStats {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;     ///< While in_flight refused.
  std::uint64_t over_limit = 0;  ///< Refused for Limits::max_connections.
  std::uint64_t orderly = 0;
  std::uint64_t broken = 0;
  std::uint64_t unreachable = 0;
  std::uint64_t idle = 0;
  std::uint64_t forced = 0;
  std::size_t open = 0;
  std::size_t most_open = 0;
};

}  // namespace snaphammer::proxy
