// quiesce: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;

struct Quiesce {};
void describe(Fields<Quiesce>&) {}

void follow(const Quiesce&, Course& course) { course.needs_healthy(); }

Async<void> execute(const Quiesce&, engine::RunContext& run) { return run.quiesce(); }

const scenario::StepRegistration<Quiesce> registration{
    "quiesce", "Quiesces the guest as a pause would, without pausing it.", "quiesce: {}"};

}  // namespace
}  // namespace snaphammer::steps
