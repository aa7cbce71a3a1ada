// pause: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Guest;

struct Pause {
  static constexpr bool kStopsGuest = true;
};
void describe(Fields<Pause>&) {}

void follow(const Pause&, Course& course) {
  course.needs_healthy();
  course.becomes(Guest::kPaused);
}

Async<void> execute(const Pause&, engine::RunContext& run) { return run.sandbox().pause(); }

const scenario::StepRegistration<Pause> registration{"pause", "Stops all vCPUs.", "pause: {}"};

}  // namespace
}  // namespace snaphammer::steps
