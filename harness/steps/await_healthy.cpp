// await_healthy: {within: 5s}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;

struct AwaitHealthy {
  Duration within = std::chrono::seconds(30);
};

void describe(Fields<AwaitHealthy>& fields) {
  fields.add("within", &AwaitHealthy::within, "How long it may take.")
      .between(std::chrono::milliseconds(1), std::chrono::hours(1));
  fields.shorthand("within");
}

void follow(const AwaitHealthy&, Course& course) { course.needs_healthy(); }

Async<void> execute(const AwaitHealthy& options, engine::RunContext& run) { return run.await_healthy(options.within); }

const scenario::StepRegistration<AwaitHealthy> registration{
    "await_healthy",
    "Waits until init is done, the health check passes and one exec has answered; a guest that was healthy before must "
    "answer a health check now.",
    "await_healthy: {within: 5s}"};

}  // namespace
}  // namespace snaphammer::steps
