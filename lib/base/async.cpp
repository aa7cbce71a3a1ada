#include "lib/base/async.h"

namespace snaphammer {

Error asio_error(std::string_view what, const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted) return Error(ErrorKind::kCancelled, std::string(what) + ": cancelled");
  if (error == asio::error::eof) return Error(ErrorKind::kGone, std::string(what) + ": closed by the other side");
  if (error.category() == boost::system::system_category()) return errno_error(what, error.value());
  return Error(ErrorKind::kIo, std::string(what) + ": " + error.message());
}

Async<void> wait_for(Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  auto [error] = co_await timer.async_wait(as_result);
  if (error) co_return asio_error("wait", error);
  co_return Result<void>();
}

Async<void> Event::wait() {
  while (!set_) {
    auto [error] = co_await timer_.async_wait(as_result);
    // set() and an outer cancellation both abort the wait; only the flag tells them apart.
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (!set_ && is_cancelled(state)) co_return asio_error("wait for event", error);
  }
  co_return Result<void>();
}

}  // namespace snaphammer
