// unquiesce: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Fields;

struct Unquiesce {};
void describe(Fields<Unquiesce>&) {}

Async<void> execute(const Unquiesce&, engine::RunContext& run) { return run.unquiesce(); }

const scenario::StepRegistration<Unquiesce> registration{"unquiesce", "Undoes quiesce.", "unquiesce: {}"};

}  // namespace
}  // namespace snaphammer::steps
