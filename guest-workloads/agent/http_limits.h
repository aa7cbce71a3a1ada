// What one client, or all together, may cost the agent. Every bound on untrusted or stuck clients is here.
#pragma once

#include <cstddef>
#include <limits>

#include "lib/base/units.h"

namespace snaphammer::guest {

/// A time that never passes.
inline constexpr Duration kForever = Duration::max();

struct HttpLimits {
  std::size_t connections = 128;  ///< When all are in use, the one that has waited longest for a request goes.
  std::size_t header_bytes = 8_KiB;
  std::size_t body_bytes = 4_MiB;
  Duration idle = std::chrono::seconds(30);   ///< From a connection's start, or its last answer, to a first byte.
  Duration header = std::chrono::seconds(5);  ///< From the first byte of a request to the end of its header.
  Duration body = std::chrono::seconds(20);   ///< From there to the end of its body.
  Duration write = std::chrono::seconds(60);  ///< For a client to take one piece of an answer.

  /// The defect of a server without limits: any number of clients, each as long as it likes. Sizes stay bounded.
  HttpLimits without_end() const {
    HttpLimits none = *this;
    none.connections = std::numeric_limits<std::size_t>::max();
    none.idle = none.header = none.body = none.write = kForever;
    return none;
  }
};

}  // namespace snaphammer::guest
