// unquiesce: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Guest;

struct Unquiesce {};
void describe(Fields<Unquiesce>&) {}

void follow(const Unquiesce&, Course& course) { course.needs({Guest::kRunning}); }

Async<void> execute(const Unquiesce&, engine::RunContext& run) { return run.unquiesce(); }

const scenario::StepRegistration<Unquiesce> registration{"unquiesce", "Undoes quiesce.", "unquiesce: {}"};

}  // namespace
}  // namespace snaphammer::steps
