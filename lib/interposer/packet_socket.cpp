#include "lib/interposer/packet_socket.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "lib/interposer/abi.h"
#include "lib/interposer/fatal.h"
#include "lib/interposer/wire.h"

namespace snaphammer::interposer {
namespace {

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }
bool peer_is_gone() { return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN; }

}  // namespace

PacketSocket::Outcome PacketSocket::receive(std::span<std::byte> buffer, std::size_t& length) {
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (got < 0 && would_block()) return Outcome::kWouldBlock;
  if (got == 0 || (got < 0 && peer_is_gone())) return closed();
  if (got < 0) fatal("receiving a vsock packet: %s", system_error());
  length = static_cast<std::size_t>(got);
  if (length < sizeof(PacketHeader) || length > buffer.size())
    fatal("the worker sent a vsock packet of %zu bytes, not of %zu to %zu", length, sizeof(PacketHeader),
          buffer.size());
  PacketHeader header;
  std::memcpy(&header, buffer.data(), sizeof header);
  if (header.len != length - sizeof header)
    fatal("the worker sent a vsock packet of %zu bytes whose header says %u bytes of payload", length, header.len);
  return Outcome::kDone;
}

PacketSocket::Outcome PacketSocket::send(std::span<const std::byte> packet) {
  if (::send(fd_, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Outcome::kDone;
  if (would_block()) return Outcome::kWouldBlock;
  if (peer_is_gone()) return closed();
  fatal("sending a vsock packet of %zu bytes: %s", packet.size(), system_error());
}

PacketSocket::Outcome PacketSocket::closed() {
  if (!reported_.exchange(true)) report("the worker closed the packet socket: vsock is dead");
  return Outcome::kClosed;
}

}  // namespace snaphammer::interposer
