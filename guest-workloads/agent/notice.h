// Wakes coroutines that wait for "something changed": a condition variable for one io_context thread.
//
//   while (lines.empty()) co_await changed.wait();
//
// wait() may return without notify() (its own cancellation, shutdown), so it is always used in such a loop.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "lib/base/async.h"

namespace snaphammer::guest {

class Notice {
 public:
  explicit Notice(const asio::any_io_executor& executor) : timer_(executor, TimePoint::max()) {}

  void notify() { timer_.cancel(); }
  Awaitable<void> wait() { co_await timer_.async_wait(as_result); }

 private:
  asio::steady_timer timer_;
};

}  // namespace snaphammer::guest
