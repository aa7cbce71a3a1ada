// Proxy: host addresses behind which ports of a guest are, for clients that shall not notice which VMM runs it.
//
//   InFlight in_flight(executor);
//   Proxy proxy(executor, "/run/x/vsock", in_flight);
//   SNAP_ASSIGN(const ListenAddress web, proxy.listen(TcpListener{}, 8080));   // web.text: "127.0.0.1:40213"
//   in_flight.refuse("the guest is being paused");                            // new clients get a reset at once
//   co_await in_flight.drain(5s);
//   co_await in_flight.force_close();                                         // the others get theirs
//   co_await proxy.stop();                                                    // always, before it is destroyed
//
// Each accepted client gets a connection of its own to the listener's vsock port, through the hybrid door at a path;
// whose door that is may change with each restore: listeners stay bound. Bytes go both ways with bounded buffers, and
// half-closes are passed on. A client whose connection is ended by us (refused, forced, idle, guest not reachable)
// gets a TCP reset, never an orderly end; a Unix client just sees the end. Half-open clients cost one descriptor here
// and one at the door each, up to the limit, until they have been idle too long.
//
// One io_context thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "lib/base/async.h"
#include "lib/proxy/connection_stats.h"
#include "lib/proxy/in_flight.h"

namespace snaphammer::proxy {

struct Limits {
  std::size_t max_connections = 512;                   ///< More are refused at once.
  Duration connect_timeout = std::chrono::seconds(5);  ///< For the guest to accept a connection.
  Duration idle = std::chrono::minutes(10);            ///< Without a byte either way; then it is ended.
  std::size_t buffer = 16_KiB;                         ///< Per connection and direction.
};

/// On 127.0.0.1; port 0: any that is free.
struct TcpListener {
  std::uint16_t port = 0;
};
/// A path that must not exist; removed in the end.
struct UnixListener {
  std::filesystem::path path;
};
using Listener = std::variant<TcpListener, UnixListener>;

/// Where clients connect to: "127.0.0.1:40213", or a path.
struct ListenAddress {
  std::string text;
  std::uint16_t port = 0;  ///< Of a TcpListener.
};

class Proxy {
 public:
  /// `in_flight` counts its connections, decides whether new ones are let in, and outlives it.
  Proxy(asio::any_io_executor executor, std::filesystem::path door, InFlight& in_flight, Limits limits = {});
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  /// Accepts clients for `guest_port` of the guest from now on.
  Result<ListenAddress> listen(Listener listener, std::uint32_t guest_port);

  ProxyStats stats() const;
  /// Those that are open now, oldest first.
  std::vector<ConnectionInfo> connections() const;

  /// Closes listeners and connections, and returns when nothing of them is left. It may listen again afterwards.
  Awaitable<void> stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace snaphammer::proxy
