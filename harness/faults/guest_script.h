// A shell script in the run's guest, asked of the agent itself: for faults, which also act while the runtime refuses
// operations.
//
//   auto done = co_await run_in_guest(run, "echo 1 > /proc/x", 5s);
//   if (!done) ...                      // the guest has ended, or the agent does not answer
#pragma once

#include <string>

#include "harness/engine/run_context.h"

namespace snaphammer::faults {

/// kUnavailable without a guest. A script that fails is an error that quotes what it said.
Async<void> run_in_guest(engine::RunContext& run, std::string script, Duration limit);

}  // namespace snaphammer::faults
