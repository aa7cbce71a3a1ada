// Which TCP ports of this machine somebody listens on, and where a connection to each has to go.
//
//   SNAP_ASSIGN(const std::vector<ListeningPort> ports, listening_ports("/proc/net"));
//
// From the kernel's tables tcp and tcp6 (proc(5)). What a line of them holds is not trusted: one that is not as it
// should be is passed over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace snaphammer::guest {

struct ListeningPort {
  std::uint16_t port = 0;
  std::string address;  ///< In socat's words: "TCP4:127.0.0.1:8080", "TCP6:[::1]:8080".

  friend bool operator==(const ListeningPort&, const ListeningPort&) = default;
};

/// In ascending order, each port once. Its address is 127.0.0.1 where somebody listens there, else ::1, else another one
/// that somebody listens on. A table that is missing is empty: a kernel without that protocol.
Result<std::vector<ListeningPort>> listening_ports(const std::filesystem::path& proc_net);

}  // namespace snaphammer::guest
