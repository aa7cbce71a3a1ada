// The descriptor on which a VMM's vsock packets travel: SOCK_SEQPACKET, one message is one packet.
//
// It never blocks: receive() and send() say when there is nothing or no room, readable() and writable() wait
// for it. One thread, the executor's.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "lib/base/async.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::vsock {

class PacketSocket {
 public:
  /// Takes the descriptor over; kInvalid when it is not a SOCK_SEQPACKET socket.
  static Result<PacketSocket> adopt(const asio::any_io_executor& executor, UniqueFd fd);

  /// The next message, valid until the next call; nothing when there is none now. What is longer than any
  /// packet is cut, but stays longer than any packet. kGone when the other side has closed and all is read.
  Result<std::optional<std::span<const std::byte>>> receive();
  /// False: no room now. kGone when the other side has closed.
  Result<bool> send(std::span<const std::byte> message);

  /// Return when it is worth trying again, or when the socket was closed.
  Awaitable<void> readable();
  Awaitable<void> writable();
  /// Nothing more can be sent or will come; what has come can still be received, and then kGone.
  void shut_down();
  void close();

 private:
  explicit PacketSocket(asio::posix::stream_descriptor descriptor);
  bool is_hung_up();

  asio::posix::stream_descriptor descriptor_;
  std::vector<std::byte> buffer_;
};

}  // namespace snaphammer::vsock
