#include "lib/base/run_together.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

namespace snaphammer {
namespace {

Awaitable<void> keep_outcome(Async<void> operation, Result<void>& outcome) {
  outcome = co_await without_exceptions("run together", std::move(operation));
}

}  // namespace

Awaitable<std::vector<Result<void>>> run_together(std::vector<Async<void>> operations) {
  const auto executor = co_await asio::this_coro::executor;
  // Asio would throw at the wait after a cancellation, and leave the operations to a stack that is gone.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);

  std::vector<Result<void>> outcomes(operations.size());
  std::vector<asio::cancellation_signal> cancels(operations.size());
  std::size_t running = operations.size();
  asio::steady_timer ended(executor, TimePoint::max());
  const auto on_end = [&](const std::exception_ptr& defect) {
    if (defect) std::rethrow_exception(defect);
    if (--running == 0) ended.cancel();
  };
  for (std::size_t i = 0; i < operations.size(); ++i) {
    asio::co_spawn(executor, keep_outcome(std::move(operations[i]), outcomes[i]),
                   asio::bind_cancellation_slot(cancels[i].slot(), on_end));
  }
  bool told = false;
  while (running != 0) {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state) && !told) {
      told = true;
      for (asio::cancellation_signal& cancel : cancels) cancel.emit(asio::cancellation_type::terminal);
    } else {
      co_await ended.async_wait(as_result);
    }
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return outcomes;
}

}  // namespace snaphammer
