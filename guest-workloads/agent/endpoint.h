// Where the agent listens and connects to: vsock in a guest, a Unix socket in tests on a host.
#pragma once

#include <string>
#include <string_view>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "lib/base/async.h"
#include "lib/base/result.h"

namespace snaphammer::guest {

using Protocol = asio::generic::stream_protocol;
using Socket = Protocol::socket;
using Acceptor = asio::basic_socket_acceptor<Protocol>;

struct Endpoint {
  Protocol::endpoint address;
  std::string name;  ///< As it was given: "vsock:1024", "unix:/run/agent.sock".

  /// Port `port` of any vsock address of this guest.
  static Endpoint vsock_any(std::uint32_t port);
  /// Port `port` of the host.
  static Endpoint vsock_host(std::uint32_t port);
  /// "unix:PATH".
  static Result<Endpoint> parse(std::string_view text);
};

/// Binds and listens; the file of a Unix socket is replaced.
Result<Acceptor> listen(const asio::any_io_executor& executor, const Endpoint& endpoint);

/// Registers a listening socket with the reactor anew, without closing it: connections that wait in its backlog
/// stay. Returns false when the kernel refuses.
///
/// release() removes the descriptor from epoll, assign() adds it. An edge-triggered registration reports what is
/// ready at the moment when it is added, so no connection that came before it is overlooked, and an edge that was
/// lost or eaten together with the old registration does no harm.
bool register_again(Acceptor& acceptor);

}  // namespace snaphammer::guest
