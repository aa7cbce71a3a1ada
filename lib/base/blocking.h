// Work that blocks, done on a thread pool while the caller's thread goes on.
//
//   const auto publish = [&writer] { return writer.publish(); };
//   CO_SNAP_ASSIGN(Manifest manifest, co_await run_blocking(pool, publish));
//
// In a coroutine give the work a name first, as above: GCC 12 destroys the captures of a lambda that is written inside
// a co_await expression twice.
#pragma once

#include <memory>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "lib/base/async.h"

namespace snaphammer {

template <class Work>
auto run_here(std::shared_ptr<Work> work) -> Awaitable<decltype((*work)())> {
  co_return (*work)();
}

/// Runs `work` (a function that returns Result<T> and may block) on `pool` and resumes the caller on its own
/// executor. Not cancellable: `work` must end by itself in bounded time. `pool` must end before the caller's execution
/// context does: its thread lets go of that context only after the caller has been resumed.
template <class Work>
auto run_blocking(asio::thread_pool& pool, Work work) -> Awaitable<decltype(work())> {
  return asio::co_spawn(pool, run_here(std::make_shared<Work>(std::move(work))), asio::use_awaitable);
}

}  // namespace snaphammer
