// How Snaphammer uses Asio: coroutines that return Result, deadlines, events, and blocking work elsewhere.
//
// One worker runs one io_context on one thread; everything asynchronous in lib/ lives there and needs no
// locks. Long computations and file copies go through run_blocking() (blocking.h) to a thread pool. Cancelling a
// coroutine (asio::cancellation_signal, or a deadline) cancels the operation it awaits.
//
// A Result that is awaited in the condition of an if or a loop must have a name there:
//
//   if (auto done = co_await work(); !done) co_return done.error();
//
// GCC 12 (Debian 12) resumes at a wrong address after `if (!co_await work())` within a loop, when what is awaited has a
// destructor.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer {

namespace asio = boost::asio;

template <class T>
using Awaitable = asio::awaitable<T>;
/// What every asynchronous operation of lib/ returns.
template <class T>
using Async = asio::awaitable<Result<T>>;

/// For Asio operations whose error is looked at: `auto [error, n] = co_await socket.async_read_some(b, as_result);`
inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

/// An Asio error as ours: "`what`: Connection reset by peer".
Error asio_error(std::string_view what, const boost::system::error_code& error);

/// Whether someone has asked a coroutine to stop:
///
///   const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
///   if (is_cancelled(state)) ...
///
/// No coroutine itself, because Asio lets one that is cancelled await nothing but such properties of its own: it throws.
inline bool is_cancelled(const asio::cancellation_state& state) {
  return state.cancelled() != asio::cancellation_type::none;
}

/// Awaits `operation` and turns what it throws into an error: a cancellation (Asio throws when a cancelled
/// coroutine awaits again) into kCancelled, everything else into kInternal.
template <class T>
Async<T> without_exceptions(std::string what, Async<T> operation) {
  try {
    co_return co_await std::move(operation);
  } catch (const boost::system::system_error& error) {
    co_return asio_error(what, error.code());
  } catch (const std::exception& error) {
    co_return Error(ErrorKind::kInternal, what + ": " + error.what());
  }
}

/// Awaits `operation` for at most `limit`; then cancels it and returns a kTimeout error "`what`: not done
/// within 5s". Cancellation from outside is returned as kCancelled. Never throws.
template <class T>
Async<T> with_deadline(Duration limit, std::string what, Async<T> operation) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the documented way to get operator||
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  auto outcome = co_await (without_exceptions(what, std::move(operation)) || timer.async_wait(as_result));
  if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
  if (std::get<0>(std::get<1>(outcome))) co_return Error(ErrorKind::kCancelled, what + ": cancelled");
  co_return Error(ErrorKind::kTimeout, what + ": not done within " + format_duration(limit));
}

/// A result that is there already, as an asynchronous one.
template <class T>
Async<T> completed(Result<T> result) {
  co_return result;
}

/// Waits for `duration`; kCancelled when it is cut short. For scenario time (`run_for`), not for polling.
Async<void> wait_for(Duration duration);

/// A flag that coroutines of one io_context await. Once set it stays set until reset().
class Event {
 public:
  explicit Event(const asio::any_io_executor& executor) : timer_(executor, TimePoint::max()) {}

  bool is_set() const { return set_; }
  void set() {
    set_ = true;
    timer_.cancel();
  }
  void reset() { set_ = false; }
  /// Returns when the event is set; kCancelled when the wait itself is cancelled.
  Async<void> wait();

 private:
  asio::steady_timer timer_;
  bool set_ = false;
};

}  // namespace snaphammer
