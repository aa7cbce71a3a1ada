// Starts a coroutine that nobody awaits. What it throws is a defect and leaves io_context::run().
#pragma once

#include <exception>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>

#include "lib/base/async.h"

namespace snaphammer {

inline void start_task(const asio::any_io_executor& executor, Awaitable<void> coroutine) {
  asio::co_spawn(executor, std::move(coroutine), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

}  // namespace snaphammer
