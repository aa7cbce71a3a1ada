// One proxied connection: a client's socket and a connection into the guest, with bytes carried between them.
//
//   auto connection = std::make_shared<Connection>(std::move(client), info, limits);
//   const Ending why = co_await connection->run(door);       // everything of it is over and closed when this returns
//   connection->end(Ending::kForced);                        // makes run() return soon; from the same thread
//
// One thread, the sockets' executor's.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include <boost/asio/generic/stream_protocol.hpp>

#include "lib/base/task_group.h"
#include "lib/proxy/proxy.h"

namespace snaphammer::proxy {

/// TCP or Unix.
using StreamSocket = asio::generic::stream_protocol::socket;

/// Closes a client's socket so that it learns of a failure: by a reset, where its protocol has one.
void close_with_reset(StreamSocket& client);

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(StreamSocket client, ConnectionInfo info, const Limits& limits);

  /// Connects to the guest and carries bytes until the end.
  Awaitable<Ending> run(std::filesystem::path door);
  /// Ends it at once. The first reason counts. Idempotent.
  void end(Ending why);

  const ConnectionInfo& info() const { return info_; }

 private:
  Async<void> connect(std::filesystem::path door);
  template <class Source, class Sink>
  Awaitable<void> carry(Source& source, Sink& sink, ByteCount& count);
  Awaitable<void> watch_idle();

  StreamSocket client_;
  StreamSocket guest_;
  ConnectionInfo info_;
  const Limits limits_;
  Event ended_;
  TaskGroup tasks_;
  asio::steady_timer idle_timer_;
  TimePoint last_byte_;
  std::optional<Ending> ending_;
  int directions_done_ = 0;
};

}  // namespace snaphammer::proxy
