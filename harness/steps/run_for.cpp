// run_for: 2s
#include <algorithm>

#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;

struct RunFor {
  Duration duration{};
};

void describe(Fields<RunFor>& fields) {
  fields.add("duration", &RunFor::duration, "How long the guest runs undisturbed.")
      .required()
      .between(Duration(0), std::chrono::hours(24));
  fields.shorthand("duration");
}

void follow(const RunFor& options, Course& course) { course.needs_time(options.duration); }

Duration expected_time(const RunFor& options) { return options.duration; }

// Ends early when the guest or its runtime breaks down meanwhile; not when the scenario has ended the guest.
Async<void> execute(const RunFor& options, engine::RunContext& run) {
  const TimePoint end = SteadyClock::now() + options.duration;
  if (sandbox::Incarnation* const guest = run.sandbox().incarnation(); guest != nullptr) {
    auto waited = co_await guest->unless_failed(wait_for(options.duration));
    const std::optional<sandbox::Failure>& failure = run.sandbox().failure();
    using Kind = sandbox::Failure::Kind;
    const bool wanted = failure && (failure->kind == Kind::kEnded || failure->kind == Kind::kLost);
    if (!waited && !wanted) co_return run.fail("unhealthy", waited.error());
  }
  co_return co_await wait_for(std::max(end - SteadyClock::now(), Duration(0)));
}

const scenario::StepRegistration<RunFor> registration{"run_for", "Lets the guest run.", "run_for: 2s"};

}  // namespace
}  // namespace snaphammer::steps
