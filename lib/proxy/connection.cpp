#include "lib/proxy/connection.h"

#include <utility>
#include <vector>

#include <boost/asio/write.hpp>

#include "lib/vsock/door_client.h"

namespace snaphammer::proxy {

using boost::system::error_code;

void close_with_reset(StreamSocket& client) {
  error_code ignored;
  // Means nothing to a Unix socket.
  static_cast<void>(client.set_option(asio::socket_base::linger(true, 0), ignored));
  static_cast<void>(client.close(ignored));
}

Connection::Connection(StreamSocket client, ConnectionInfo info, const Limits& limits)
    : client_(std::move(client)),
      guest_(client_.get_executor()),
      info_(std::move(info)),
      limits_(limits),
      ended_(client_.get_executor()),
      tasks_(client_.get_executor()),
      idle_timer_(client_.get_executor()),
      last_byte_(SteadyClock::now()) {}

void Connection::end(Ending why) {
  if (ending_) return;
  ending_ = why;
  error_code ignored;
  if (why == Ending::kOrderly) {
    static_cast<void>(client_.close(ignored));
  } else {
    close_with_reset(client_);
  }
  static_cast<void>(guest_.close(ignored));
  idle_timer_.cancel();
  ended_.set();
}

Awaitable<Ending> Connection::run(std::filesystem::path door) {
  const auto self = shared_from_this();
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the documented way to get operator||
  auto connecting = with_deadline(limits_.connect_timeout, "connect", connect(std::move(door)));
  auto outcome = co_await (std::move(connecting) || ended_.wait());
  if (!ending_ && (outcome.index() != 0 || !std::get<0>(outcome))) end(Ending::kUnreachable);
  if (!ending_) {
    last_byte_ = SteadyClock::now();
    tasks_.spawn(carry(client_, guest_, info_.to_guest));
    tasks_.spawn(carry(guest_, client_, info_.from_guest));
    tasks_.spawn(watch_idle());
    co_await tasks_.wait_idle();
  }
  co_return *ending_;
}

Async<void> Connection::connect(std::filesystem::path door) {
  const asio::any_io_executor executor = guest_.get_executor();
  CO_SNAP_ASSIGN(vsock::DoorConnection opened,
                 co_await vsock::connect_through(executor, std::move(door), info_.guest_port));
  if (!opened.rest.empty()) {
    auto [error, written] = co_await asio::async_write(client_, asio::buffer(opened.rest), as_result);
    if (error) co_return asio_error("write to the client", error);
    info_.from_guest += written;
  }
  if (ending_) co_return Error(ErrorKind::kCancelled, "ended");
  guest_ = StreamSocket(std::move(opened.socket));
  co_return Result<void>();
}

template <class Source, class Sink>
Awaitable<void> Connection::carry(Source& source, Sink& sink, ByteCount& count) {
  std::vector<std::byte> buffer(limits_.buffer);
  error_code ignored;
  for (;;) {
    auto [read_error, size] = co_await source.async_read_some(asio::buffer(buffer), as_result);
    if (read_error == asio::error::eof) break;
    if (read_error) co_return end(Ending::kBroken);
    last_byte_ = SteadyClock::now();
    auto [write_error, written] = co_await asio::async_write(sink, asio::buffer(buffer, size), as_result);
    if (write_error) co_return end(Ending::kBroken);
    last_byte_ = SteadyClock::now();
    count += written;
  }
  static_cast<void>(sink.shutdown(asio::socket_base::shutdown_send, ignored));
  if (++directions_done_ == 2) co_return end(Ending::kOrderly);
  // Half closed: what is left to learn from this side is that it has gone altogether.
  auto [gone] = co_await source.async_wait(asio::socket_base::wait_error, as_result);
  if (!gone) end(Ending::kOrderly);
}

Awaitable<void> Connection::watch_idle() {
  while (!ending_) {
    const TimePoint limit = last_byte_ + limits_.idle;
    if (limit <= SteadyClock::now()) co_return end(Ending::kIdle);
    idle_timer_.expires_at(limit);
    static_cast<void>(co_await idle_timer_.async_wait(as_result));
  }
}

}  // namespace snaphammer::proxy
