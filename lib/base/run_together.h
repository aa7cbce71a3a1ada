// Runs operations at the same time, for as long as any of them takes.
//
//   std::vector<Async<void>> all;
//   for (Guest& guest : guests) all.push_back(guest.start());
//   const std::vector<Result<void>> outcomes = co_await run_together(std::move(all));
//
// They may refer to what the caller has on its stack: nothing runs on when it returns. Cancelling it cancels each of them,
// and it waits for their ends all the same. One io_context thread.
#pragma once

#include <vector>

#include "lib/base/async.h"

namespace snaphammer {

/// Returns how each has ended, in their order. What one throws is its error, as of without_exceptions().
Awaitable<std::vector<Result<void>>> run_together(std::vector<Async<void>> operations);

}  // namespace snaphammer
