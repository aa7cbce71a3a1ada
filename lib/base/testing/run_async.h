// Runs one coroutine to its end, for tests.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>

#include "lib/base/async.h"

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

}  // namespace snaphammer
