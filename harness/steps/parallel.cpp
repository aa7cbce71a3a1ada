// parallel: [[...], [...]]
#include <algorithm>

#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"
#include "lib/base/run_together.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Node;
using scenario::Reader;
using scenario::StepList;

struct Parallel {
  std::vector<StepList> branches;
};

void describe(Fields<Parallel>& fields) {
  fields.add("branches", &Parallel::branches, "Lists of steps that run at the same time.")
      .required()
      .check([](const std::vector<StepList>& branches, Reader& reader, const Node& node) {
        if (branches.size() < 2) reader.expected(node, "at least two lists of steps");
        for (std::size_t i = 0; i < branches.size(); ++i) {
          if (branches[i].empty()) reader.expected(node.items[i], "at least one step");
        }
      });
  fields.shorthand("branches");
}

Duration expected_time(const Parallel& options) {
  Duration longest{};
  for (const StepList& branch : options.branches) longest = std::max(longest, scenario::expected_time(branch));
  return longest;
}

void follow(const Parallel& options, Course& course) { course.runs_together(options.branches); }

// What a step has lost its guest to, in the midst of its work, is most often the branch beside it, as the scenario wants
// it. A guest that is gone for another reason is found by the oracles.
Error why_it_failed(Error error) {
  if (error.kind() != ErrorKind::kGone) return error;
  return std::move(error).as(ErrorKind::kUnavailable);
}

// A branch that fails does not cut the others short: they end by themselves, each step within its own bounds.
Async<void> execute(const Parallel& options, engine::RunContext& run) {
  const engine::RunContext::Branches side_by_side(run);
  std::vector<Async<void>> branches;
  for (const StepList& steps : options.branches) branches.push_back(run.run(steps));
  std::vector<Result<void>> outcomes = co_await run_together(std::move(branches));
  Result<void> all;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i]) continue;
    Error error = why_it_failed(std::move(outcomes[i]).error().in("branch " + std::to_string(i + 1)));
    const bool is_worse = error.kind() != ErrorKind::kUnavailable;
    if (all || is_worse) all = std::move(error);
    if (is_worse) break;
  }
  co_return all;
}

const scenario::StepRegistration<Parallel> registration{
    "parallel", "Runs lists of steps at the same time, and waits for all.",
    "parallel: [[{run_for: 1s}, {snapshot: {id: s1}}], [{exec_stress: {parallel: 10}}]]"};

}  // namespace
}  // namespace snaphammer::steps
