// The seam between what surrounds a run (campaign, worker process, clean-up) and what a run does
// (steps, oracles).
#pragma once

#include "harness/engine/run_events.h"
#include "harness/engine/run_paths.h"
#include "harness/report/results.h"
#include "harness/scenario/plan.h"
#include "lib/base/async.h"

namespace snaphammer::engine {

/// Executes one run, in a worker process that exists for nothing else, on its only io_context.
///
/// The result has everything but what the campaign knows better (`expected`, `seconds`, `artifacts`,
/// `reproduce`); limits are checked in it. An error stands for a run that could not be executed:
/// kUnfit makes it inconclusive, any other kind the harness's own error. When it is cancelled (the
/// campaign was told to stop) it ends what it started and returns kCancelled. The scenario's timeout
/// is its own to keep: the campaign only kills a worker that is still there long after.
using ExecuteRun = Async<report::RunResult> (*)(scenario::RunPlan plan, RunPaths paths, RunEvents events);

/// The one in use: boots, breaks and checks a real guest.
Async<report::RunResult> execute_run(scenario::RunPlan plan, RunPaths paths, RunEvents events);

}  // namespace snaphammer::engine
