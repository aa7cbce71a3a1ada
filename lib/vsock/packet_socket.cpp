#include "lib/vsock/packet_socket.h"

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "lib/vsock/packet.h"

namespace snaphammer::vsock {

PacketSocket::PacketSocket(asio::posix::stream_descriptor descriptor)
    : descriptor_(std::move(descriptor)), buffer_(kMaxPacket + 1) {}

Result<PacketSocket> PacketSocket::adopt(const asio::any_io_executor& executor, UniqueFd fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return errno_error("vsock packets: look at the descriptor").as(ErrorKind::kInvalid);
  }
  if (type != SOCK_SEQPACKET) {
    return Error(ErrorKind::kInvalid, "vsock packets: the descriptor is no SOCK_SEQPACKET socket");
  }
  asio::posix::stream_descriptor descriptor(executor);
  boost::system::error_code error;
  descriptor.assign(fd.get(), error);
  if (error) return asio_error("vsock packets: watch the socket", error);
  static_cast<void>(fd.release());
  return PacketSocket(std::move(descriptor));
}

Result<std::optional<std::span<const std::byte>>> PacketSocket::receive() {
  for (;;) {
    const ssize_t size = ::recv(descriptor_.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (size > 0) {
      return std::optional(std::span<const std::byte>(buffer_).first(static_cast<size_t>(size)));
    }
    // An empty message reads like the end.
    if (size == 0 && !is_hung_up()) return std::optional(std::span<const std::byte>());
    if (size == 0) return Error(ErrorKind::kGone, "vsock packets: closed by the VMM");
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
    // ECONNRESET says once that the other side closed without having read all of ours; its messages are still here.
    if (errno == EINTR || errno == ECONNRESET) continue;
    return errno_error("vsock packets: receive");
  }
}

Result<bool> PacketSocket::send(std::span<const std::byte> message) {
  for (;;) {
    const ssize_t size =
        ::send(descriptor_.native_handle(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size >= 0) return true;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return errno_error("vsock packets: send");
  }
}

bool PacketSocket::is_hung_up() {
  pollfd state{.fd = descriptor_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

Awaitable<void> PacketSocket::readable() {
  co_await descriptor_.async_wait(asio::posix::descriptor_base::wait_read, as_result);
}

Awaitable<void> PacketSocket::writable() {
  co_await descriptor_.async_wait(asio::posix::descriptor_base::wait_write, as_result);
}

void PacketSocket::shut_down() { ::shutdown(descriptor_.native_handle(), SHUT_RDWR); }

void PacketSocket::close() {
  boost::system::error_code ignored;
  static_cast<void>(descriptor_.close(ignored));
}

}  // namespace snaphammer::vsock
