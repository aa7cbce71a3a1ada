// The door: the Unix socket at which clients ask for a port in the guest by one line, `CONNECT <port>\n`.
//
//   SNAP_ASSIGN(Door door, Door::open(executor, {.path = "/.../v.sock", .on_client = ...}));
//
// It hands over each client that has said its line properly; those that say something else, too much, or
// nothing in time are closed. The answer, `OK <port>\n`, is the receiver's business. One thread, the executor's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "lib/base/async.h"

namespace snaphammer::vsock {

using UnixSocket = asio::local::stream_protocol::socket;

/// The port of a CONNECT line (without its newline), if it is one: the word in any case, as Firecracker takes it,
/// blanks, and a decimal number that is a port.
std::optional<std::uint32_t> parse_connect_line(std::string_view line);

struct DoorOptions {
  std::filesystem::path path;  ///< Must not exist.
  std::size_t max_pending = 64;
  Duration line_timeout = std::chrono::seconds(5);
  /// `rest`: what the client wrote behind its line already, less than 128 bytes.
  std::function<void(UnixSocket client, std::uint32_t port, std::string rest)> on_client;
};

class Door {
 public:
  static Result<Door> open(const asio::any_io_executor& executor, DoorOptions options);
  Door(Door&&) noexcept = default;
  Door& operator=(Door&&) = delete;
  ~Door();

  /// Unlinks the socket and closes all clients that were not handed over. Idempotent.
  void close();
  std::uint64_t bad_lines() const;
  std::uint64_t late_lines() const;

 private:
  class Impl;
  explicit Door(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace snaphammer::vsock
