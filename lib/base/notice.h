// Wakes coroutines that wait for "something changed": a condition variable for one io_context thread.
//
//   while (lines.empty()) CO_SNAP_TRY(co_await changed.wait());
//
// Unlike an Event it stays not set: notify() wakes those who wait at that moment. So wait() always stands in a loop
// that looks at what it waits for.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "lib/base/async.h"

namespace snaphammer {

class Notice {
 public:
  explicit Notice(const asio::any_io_executor& executor) : timer_(executor, TimePoint::max()) {}

  void notify() { timer_.cancel(); }
  /// Returns after the next notify(); kCancelled when the wait itself is cancelled.
  Async<void> wait() {
    auto [error] = co_await timer_.async_wait(as_result);
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return asio_error("wait", error);
    co_return Result<void>();
  }

 private:
  asio::steady_timer timer_;
};

}  // namespace snaphammer
