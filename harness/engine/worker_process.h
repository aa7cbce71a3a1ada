// One run as the campaign sees it: a worker process from its start to the moment when nothing of it is left.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/engine/run_events.h"
#include "harness/engine/run_outcome.h"
#include "harness/engine/run_paths.h"
#include "harness/report/results.h"
#include "harness/scenario/plan.h"
#include "lib/base/async.h"

namespace snaphammer::engine {

struct WorkerOptions {
  /// Program and first arguments; "worker", the run's artifacts and its runtime directory follow.
  std::vector<std::string> command;
  /// Added to its environment.
  std::map<std::string, std::string> environment = {};
  /// How long a worker may outstay its run's own timeout.
  Duration timeout_grace = std::chrono::seconds(90);
  /// How long it may take to end after SIGTERM.
  Duration stop_grace = std::chrono::seconds(10);
};

/// The descriptor on which a worker finds its event pipe.
inline constexpr int kEventsFd = 3;

/// The campaign's wish to end, as its runs see it.
struct StopRequest {
  explicit StopRequest(const asio::any_io_executor& executor) : gently(executor), at_once(executor) {}
  Event gently;   ///< Workers get SIGTERM and a bounded time.
  Event at_once;  ///< They are killed.
};

/// Starts a worker in its prepared directories and sees it to its end. Whatever the worker does, this ends in bounded
/// time with a result, and no process of the run is left: one that was is killed and makes the run an error. Only a
/// run that was stopped before it had a result has none: kCancelled.
Async<report::RunResult> run_in_worker(scenario::RunPlan plan, RunPaths paths, std::string campaign,
                                       WorkerOptions options, StopRequest& stop,
                                       std::function<void(const RunEvent&)> on_event);

}  // namespace snaphammer::engine
