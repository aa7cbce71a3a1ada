// loop: {times: 20, steps: [...]}
#include <algorithm>

#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Node;
using scenario::Reader;
using scenario::StepList;

constexpr Duration kLongest = std::chrono::hours(24 * 7);

struct Loop {
  std::optional<unsigned> times;     ///< Either this
  std::optional<Duration> duration;  ///< or that.
  StepList steps;
};

void describe(Fields<Loop>& fields) {
  fields.add("times", &Loop::times, "How many rounds.").between(1, 1'000'000);
  fields.add("for", &Loop::duration, "Rounds begin until this time has passed.").between(Duration(1), kLongest);
  fields.add("steps", &Loop::steps, "One round.")
      .required()
      .check([](const StepList& steps, Reader& reader, const Node& node) {
        if (steps.empty()) reader.expected(node, "at least one step");
      });
  fields.exactly_one_of({"times", "for"});
}

// Bounded, so that no loop of loops is more than a Duration holds.
Duration expected_time(const Loop& options) {
  if (options.duration) return *options.duration;
  const Duration round = std::min<Duration>(scenario::expected_time(options.steps), std::chrono::hours(1));
  return std::min<Duration>(round * options.times.value_or(1), kLongest);
}

void follow(const Loop& options, Course& course) { course.repeats(options.steps, options.times); }

Async<void> execute(const Loop& options, engine::RunContext& run) {
  const TimePoint end = SteadyClock::now() + options.duration.value_or(Duration(0));
  for (unsigned round = 0; options.times ? round < *options.times : SteadyClock::now() < end; ++round) {
    auto done = co_await run.run(options.steps);
    if (!done) co_return std::move(done).error().in("round " + std::to_string(round + 1));
  }
  co_return Result<void>();
}

const scenario::StepRegistration<Loop> registration{
    "loop", "Repeats steps.", "loop: {times: 20, steps: [{snapshot: {id: s1}}, {restore: {from: s1}}, await_healthy]}"};

}  // namespace
}  // namespace snaphammer::steps
