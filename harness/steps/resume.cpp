// resume: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Guest;

struct Resume {};
void describe(Fields<Resume>&) {}

void follow(const Resume&, Course& course) {
  course.needs({Guest::kPaused});
  course.becomes(Guest::kRunning);
}

Async<void> execute(const Resume&, engine::RunContext& run) { return run.resume(); }

const scenario::StepRegistration<Resume> registration{
    "resume", "Lets vCPUs run again, and sets the guest's wall clock, which stood still with them.", "resume: {}"};

}  // namespace
}  // namespace snaphammer::steps
