// A connection and the Unix socket of its client: carries bytes from one to the other in both directions.
//
//   auto link = std::make_shared<ClientLink>(std::move(socket), std::move(connection), initiator, id, on_change);
//   link->start("OK 1073741824\n");      // once the connection is established
//   link->connection().receive(packet);  // whoever changes the connection ...
//   link->wake();                        // ... lets the link look at it
//
// `on_change` is called after each change that the client or the clock made, never after close(). The link closes
// itself when its connection is closed and the client has fetched everything. One thread, the executor's; its
// coroutines keep it alive until close().
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "lib/base/async.h"
#include "lib/vsock/connection.h"
#include "lib/vsock/connection_info.h"

namespace snaphammer::vsock {

using UnixSocket = asio::local::stream_protocol::socket;

class ClientLink : public std::enable_shared_from_this<ClientLink> {
 public:
  using OnChange = std::function<void(ClientLink&)>;

  ClientLink(UnixSocket socket, Connection connection, Initiator initiator, std::uint64_t id, OnChange on_change);

  /// Begins to carry bytes; the client gets `greeting` first.
  void start(std::string greeting);
  bool is_started() const { return started_; }
  /// Acts on what has changed in the connection.
  void wake();
  /// Closes the client's socket at once.
  void close();
  bool is_open() const { return open_; }
  /// Resets the connection with kTimeout after `limit`, if it is still connecting, or still awaits the guest's
  /// confirmation of its end.
  void expire_connecting(Duration limit);
  void expire_closing(Duration limit);

  Connection& connection() { return connection_; }
  const Connection& connection() const { return connection_; }
  /// A copy, with the connection's present state.
  ConnectionInfo info() const;
  std::uint64_t id() const { return info_.id; }
  Initiator initiator() const { return info_.initiator; }
  void count(const Packet& packet, bool to_guest);

  bool is_queued = false;  ///< For the Host: waits for its turn to send.

 private:
  static Awaitable<void> carry_to_guest(std::shared_ptr<ClientLink> self);
  static Awaitable<void> carry_to_client(std::shared_ptr<ClientLink> self);
  void read_client();
  bool write_client();
  std::span<const std::byte> next_for_client() const;
  void expire(Duration limit, bool (*is_late)(const Connection&));
  bool is_hung_up();
  void changed();

  UnixSocket socket_;
  Connection connection_;
  ConnectionInfo info_;
  OnChange on_change_;
  std::string greeting_;
  Event may_read_;
  Event may_write_;
  asio::steady_timer timer_;
  bool started_ = false;
  bool open_ = true;
  bool closing_expires_ = false;
  bool reading_shut_ = false;
};

}  // namespace snaphammer::vsock
