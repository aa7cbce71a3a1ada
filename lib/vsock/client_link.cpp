#include "lib/vsock/client_link.h"

#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "lib/base/start_task.h"

namespace snaphammer::vsock {
namespace {

using boost::system::error_code;

constexpr std::size_t kReadSize = 64 * 1024;

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

ClientLink::ClientLink(UnixSocket socket, Connection connection, Initiator initiator, std::uint64_t id,
                       OnChange on_change)
    : socket_(std::move(socket)),
      connection_(std::move(connection)),
      on_change_(std::move(on_change)),
      may_read_(socket_.get_executor()),
      may_write_(socket_.get_executor()),
      timer_(socket_.get_executor()) {
  info_.id = id;
  info_.initiator = initiator;
  info_.guest_port = connection_.addresses().guest_port;
  info_.host_port = connection_.addresses().host_port;
  info_.opened = SteadyClock::now();
}

void ClientLink::start(std::string greeting) {
  started_ = true;
  greeting_ = std::move(greeting);
  start_task(socket_.get_executor(), carry_to_guest(shared_from_this()));
  start_task(socket_.get_executor(), carry_to_client(shared_from_this()));
}

void ClientLink::wake() {
  if (!open_) return;
  if (connection_.state() == ConnectionState::kClosed && next_for_client().empty()) return close();
  if (started_ && !connection_.takes_bytes() && !std::exchange(reading_shut_, true)) {
    // Lets a client that still writes know, by EPIPE, and ends our own wait for its bytes.
    error_code ignored;
    static_cast<void>(socket_.shutdown(UnixSocket::shutdown_receive, ignored));
  }
  may_read_.set();
  may_write_.set();
}

void ClientLink::close() {
  open_ = false;
  error_code ignored;
  static_cast<void>(socket_.close(ignored));
  timer_.cancel();
  may_read_.set();
  may_write_.set();
}

void ClientLink::changed() {
  if (open_) on_change_(*this);
}

Awaitable<void> ClientLink::carry_to_guest(std::shared_ptr<ClientLink> self) {
  while (self->open_ && self->connection_.takes_bytes()) {
    if (self->connection_.room() == 0) {
      self->may_read_.reset();
      static_cast<void>(co_await self->may_read_.wait());
      continue;
    }
    co_await self->socket_.async_wait(UnixSocket::wait_read, as_result);
    if (self->open_ && self->connection_.takes_bytes()) self->read_client();
  }
  // Half closed: what is left to learn from the client is that it has gone altogether.
  while (self->open_ && !self->is_hung_up()) {
    co_await self->socket_.async_wait(UnixSocket::wait_error, as_result);
  }
  if (!self->open_) co_return;
  self->connection_.finish_sending();
  self->connection_.stop_receiving();
  self->changed();
}

void ClientLink::read_client() {
  // One buffer for all: it is never full across an await.
  static thread_local std::array<std::byte, kReadSize> buffer;
  const std::size_t limit = std::min(buffer.size(), connection_.room());
  const ssize_t size = ::recv(socket_.native_handle(), buffer.data(), limit, MSG_DONTWAIT);
  if (size < 0 && would_block()) return;
  if (size > 0) {
    connection_.push(std::span(buffer).first(static_cast<std::size_t>(size)));
  } else if (size == 0) {
    reading_shut_ = true;
    connection_.finish_sending();
  } else {
    // ECONNRESET: the client closed with bytes of the guest unread.
    connection_.reset(CloseReason::kClientReset);
  }
  changed();
}

Awaitable<void> ClientLink::carry_to_client(std::shared_ptr<ClientLink> self) {
  while (self->open_) {
    if (!self->next_for_client().empty()) {
      if (!self->write_client()) {
        co_await self->socket_.async_wait(UnixSocket::wait_write, as_result);
      }
      continue;
    }
    if (self->connection_.at_end()) break;
    self->may_write_.reset();
    static_cast<void>(co_await self->may_write_.wait());
  }
  if (!self->open_) co_return;
  error_code ignored;
  static_cast<void>(self->socket_.shutdown(UnixSocket::shutdown_send, ignored));
}

bool ClientLink::write_client() {
  const auto bytes = next_for_client();
  const ssize_t size = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size < 0 && would_block()) return false;
  if (size < 0) {
    // EPIPE: the client reads no more; it may still write.
    greeting_.clear();
    connection_.stop_receiving();
  } else if (!greeting_.empty()) {
    greeting_.erase(0, static_cast<std::size_t>(size));
  } else {
    connection_.consume(static_cast<std::size_t>(size));
  }
  changed();
  return true;
}

std::span<const std::byte> ClientLink::next_for_client() const {
  return greeting_.empty() ? connection_.front() : std::as_bytes(std::span(greeting_));
}

bool ClientLink::is_hung_up() {
  pollfd state{.fd = socket_.native_handle(), .events = 0, .revents = 0};
  return ::poll(&state, 1, 0) > 0;
}

void ClientLink::expire_connecting(Duration limit) {
  expire(limit, [](const Connection& connection) { return connection.state() == ConnectionState::kConnecting; });
}

void ClientLink::expire_closing(Duration limit) {
  if (std::exchange(closing_expires_, true)) return;
  expire(limit, [](const Connection& connection) { return connection.awaits_confirmation(); });
}

void ClientLink::expire(Duration limit, bool (*is_late)(const Connection&)) {
  timer_.expires_after(limit);
  timer_.async_wait([weak = weak_from_this(), is_late](error_code cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self || !self->open_ || !is_late(self->connection_)) return;
    self->connection_.reset(CloseReason::kTimeout);
    self->changed();
  });
}

ConnectionInfo ClientLink::info() const {
  ConnectionInfo info = info_;
  info.state = connection_.state();
  info.close_reason = connection_.close_reason();
  info.buffered_to_guest = connection_.buffered_to_guest();
  info.buffered_to_client = connection_.buffered_to_client();
  return info;
}

void ClientLink::count(const Packet& packet, bool to_guest) {
  ++(to_guest ? info_.packets_to_guest : info_.packets_from_guest);
  (to_guest ? info_.bytes_to_guest : info_.bytes_from_guest) += packet.payload.size();
}

}  // namespace snaphammer::vsock
