// Listening sockets of a ledger. Both return a descriptor that does not block, or -1 with errno set.
#pragma once

#include <cstdint>

namespace snaphammer::ledger {

/// On 127.0.0.1.
int listen_on_tcp(std::uint16_t port);
int listen_on_vsock(std::uint32_t port);

}  // namespace snaphammer::ledger
