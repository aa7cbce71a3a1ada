// From how a worker ended to the run's result.
#pragma once

#include <string>

#include "harness/engine/run_paths.h"
#include "harness/report/results.h"
#include "harness/scenario/plan.h"
#include "lib/base/child_process.h"

namespace snaphammer::engine {

/// A result with nothing in it but the plan's identity: id, scenario, point, seed.
report::RunResult blank_result(const scenario::RunPlan& plan);

/// The result of a run that `error` kept from being executed: kUnfit is the environment's fault and makes it
/// inconclusive, everything else is the harness's.
report::RunResult outcome_of_error(const scenario::RunPlan& plan, const Error& error);

/// How the campaign saw a worker end.
struct WorkerEnd {
  enum class How {
    kExited,    ///< By itself.
    kTimedOut,  ///< Killed by the campaign, long after the run's own timeout.
  };
  How how = How::kExited;
  ExitStatus status;
  std::string last_phase;  ///< The last thing it said it was at; may be empty.
};

/// Reads the result that a worker left; when there is none, or none to be trusted, says how the worker ended, at
/// what, and the last line that it wrote.
report::RunResult outcome_of_worker(const scenario::RunPlan& plan, const RunPaths& paths, const WorkerEnd& end);

/// The last line of a file that is not blank, without control characters, at most 200 characters of it; empty when there is none.
std::string last_line(const std::filesystem::path& file);

}  // namespace snaphammer::engine
