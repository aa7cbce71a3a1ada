// The socket to the worker: one message is one vsock packet (wire.h). Never waits.
//
// The two directions may use one PacketSocket from two threads: receive() from one, send() from the
// other. It does not own the descriptor.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>

namespace snaphammer::interposer {

class PacketSocket {
 public:
  enum class Outcome { kDone, kWouldBlock, kClosed };

  explicit PacketSocket(int fd) : fd_(fd) {}

  int fd() const { return fd_; }
  /// Receives a packet into `buffer` (of kMaxPacket bytes) and sets `length`. A message that is no
  /// packet is the worker's mistake and ends QEMU.
  Outcome receive(std::span<std::byte> buffer, std::size_t& length);
  Outcome send(std::span<const std::byte> packet);

 private:
  Outcome closed();
  int fd_;
  std::atomic<bool> reported_ = false;
};

}  // namespace snaphammer::interposer
