// resume: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Fields;

struct Resume {};
void describe(Fields<Resume>&) {}

Async<void> execute(const Resume&, engine::RunContext& run) { return run.sandbox().resume(); }

const scenario::StepRegistration<Resume> registration{"resume", "Lets vCPUs run again.", "resume: {}"};

}  // namespace
}  // namespace snaphammer::steps
