// The runs of a scenario: its points times its repeats, each with a seed. Randomness of a run comes from that seed alone.
//
//   Planned planned = plan(loaded, {.random_seed = fresh_seed()});
//   for (const RunPlan& run : planned.runs) ...
//
// A RunPlan can be stored and read back (plan.json in a run's artifacts) without the file it came from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "harness/report/results.h"
#include "harness/scenario/load.h"

namespace snaphammer::scenario {

struct PlanOptions {
  std::optional<std::uint64_t> seed = {};  ///< Overrides the scenario's (`--seed`).
  std::optional<unsigned> repeat = {};     ///< Overrides the scenario's (`--repeat`).
  std::uint64_t random_seed = 1;           ///< For scenarios without a seed; print it.
};

/// All that a worker needs for one run. Immutable; copies share scenario and source.
struct RunPlan {
  /// Stable, unique within a campaign, fit for a file name: "stale-pages.on_remove=ignore.s1".
  std::string id;
  std::shared_ptr<const Scenario> scenario;  ///< With the point applied.
  Point point;
  std::uint64_t seed = 0;
  Expectation expectation;  ///< The entry of `expect` that decides for this point.
  std::shared_ptr<const Source> source;
};

/// Of one scenario; a year's work for one machine.
inline constexpr std::size_t kMaxRuns = 1'000'000;

struct Planned {
  std::vector<RunPlan> runs;            ///< Points in the matrix's order, seeds within a point.
  std::vector<Diagnostic> diagnostics;  ///< Combinations that are invalid together; more than kMaxRuns.
};
Planned plan(const LoadedScenario& loaded, const PlanOptions& options);

/// A seed nobody chose, short enough to type.
std::uint64_t fresh_seed();

/// What the run is expected to take, at most its scenario's timeout.
Duration expected_time(const RunPlan& plan);

/// What its guests, with their VMMs and the worker, may come to take of the host's memory. A run of which nobody can say
/// how many clones it makes: all there is.
ByteCount expected_memory(const RunPlan& plan);

/// A finding that was expected and did not come is explained by the knobs that had no occasion to act.
Judgement judge(const RunPlan& plan, const report::RunResult& result);

nlohmann::json to_json(const RunPlan& plan);
/// The inverse. Fails with kInvalid when the stored scenario is not valid for this build.
Result<RunPlan> run_plan_from_json(const nlohmann::json& json);

}  // namespace snaphammer::scenario
