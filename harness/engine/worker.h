// The body of `snaphammer worker`: one run in a process of its own.
//
// Reads plan.json in the run's artifacts, executes it on one io_context, and writes result.json
// atomically. SIGTERM cancels the run; it then ends without a result.
#pragma once

#include "harness/engine/execute_run.h"
#include "harness/engine/run_paths.h"

namespace snaphammer::engine {

/// How a worker exits.
inline constexpr int kWorkerDone = 0;       ///< result.json is written, whatever the verdict.
inline constexpr int kWorkerFailed = 4;     ///< It could not be; the reason is on standard error.
inline constexpr int kWorkerStopped = 130;  ///< Cancelled by SIGTERM.

/// Call it from the main thread of a process that does nothing else. `events_fd` as for RunEvents.
int run_worker(const RunPaths& paths, int events_fd, ExecuteRun execute);

}  // namespace snaphammer::engine
