// pause: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Fields;

struct Pause {};
void describe(Fields<Pause>&) {}

Async<void> execute(const Pause&, engine::RunContext& run) { return run.sandbox().pause(); }

const scenario::StepRegistration<Pause> registration{"pause", "Stops all vCPUs.", "pause: {}"};

}  // namespace
}  // namespace snaphammer::steps
