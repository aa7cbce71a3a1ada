// A run of an earlier campaign, for `replay` and `shrink`: its plan, how it ended, and whether that came back.
//
//   SNAP_ASSIGN(const EarlierRun earlier, read_earlier_run("snaphammer-out/ID/runs/RUN"));
//   if (earlier.result && came_back(*earlier.result, again)) ...
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/report/results.h"
#include "harness/scenario/plan.h"

namespace snaphammer::cli {

struct EarlierRun {
  scenario::RunPlan plan;
  std::optional<report::RunResult> result;  ///< A worker that crashed has left none.
};

/// `run`: its artifacts, or the plan.json in them. kInvalid when there is no plan, or when plan or result cannot be read
/// by this build.
Result<EarlierRun> read_earlier_run(const std::filesystem::path& run);

/// The same verdict, and every kind of finding again, by an oracle that found it before; more are no matter. Real machines are not deterministic: what comes
/// back is the outcome, not each event.
bool came_back(const report::RunResult& original, const report::RunResult& again);

/// "fail stale-page"
std::string outcome_of(const report::RunResult& run);

}  // namespace snaphammer::cli
