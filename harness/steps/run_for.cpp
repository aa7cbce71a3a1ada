// run_for: 2s
#include "harness/engine/run_context.h"
#include "harness/scenario/step.h"

namespace snaphammer::steps {
namespace {

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

// Ends early when the guest or its runtime breaks down meanwhile.
Async<void> execute(const RunFor& options, engine::RunContext& run) {
  sandbox::Incarnation* const guest = run.sandbox().incarnation();
  if (guest == nullptr) co_return co_await wait_for(options.duration);
  auto waited = co_await guest->unless_failed(wait_for(options.duration));
  if (!waited) co_return run.fail("unhealthy", waited.error());
  co_return Result<void>();
}

const scenario::StepRegistration<RunFor> registration{"run_for", "Lets the guest run.", "run_for: 2s"};

}  // namespace
}  // namespace snaphammer::steps
