// Runs one coroutine to its end, or whatever there is until something has come about, for tests.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <type_traits>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "lib/base/async.h"
#include "lib/base/units.h"

namespace snaphammer {

/// Runs `context` until `operation` has ended, and returns its result. Other work of `context` may remain.
template <class T>
Result<T> run_async(asio::io_context& context, Async<T> operation) {
  std::optional<Result<T>> result;
  asio::co_spawn(context, std::move(operation), [&](std::exception_ptr failure, Result<T> value) {
    if (failure) std::rethrow_exception(failure);
    result = std::move(value);
    context.stop();
  });
  context.restart();
  context.run();
  return std::move(result).value();
}

template <class T>
Result<T> run_async(Async<T> operation) {
  asio::io_context context;
  return run_async(context, std::move(operation));
}

/// The same for one that cannot fail.
template <class T>
T run_awaitable(asio::io_context& context, Awaitable<T> operation) {
  if constexpr (std::is_void_v<T>) {
    const auto wrap = [](Awaitable<void> inner) -> Async<void> {
      co_await std::move(inner);
      co_return Result<void>();
    };
    static_cast<void>(run_async(context, wrap(std::move(operation))));
  } else {
    const auto wrap = [](Awaitable<T> inner) -> Async<T> { co_return co_await std::move(inner); };
    return *run_async(context, wrap(std::move(operation)));
  }
}

/// Runs `context` until `condition` holds; false when that takes absurdly long.
template <class Condition>
bool run_until(asio::io_context& context, Condition condition) {
  const TimePoint give_up = SteadyClock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (SteadyClock::now() > give_up) return false;
    context.restart();
    context.run_one_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace snaphammer
