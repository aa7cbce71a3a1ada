// unquiesce: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;

struct Unquiesce {};
void describe(Fields<Unquiesce>&) {}

void follow(const Unquiesce&, Course& course) { course.needs_healthy(); }

Async<void> execute(const Unquiesce&, engine::RunContext& run) { return run.unquiesce(); }

const scenario::StepRegistration<Unquiesce> registration{"unquiesce", "Undoes quiesce.", "unquiesce: {}"};

}  // namespace
}  // namespace snaphammer::steps
