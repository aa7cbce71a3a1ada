// heal: slow
#include "harness/engine/run_context.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Fields;
using scenario::kFaults;

struct Heal {
  std::string fault;  ///< A name, or "all".
};

void describe(Fields<Heal>& fields) {
  fields.add("fault", &Heal::fault, "An injected fault's `as`, or all.").required().releases(kFaults, "all");
  fields.shorthand("fault");
}

Async<void> execute(const Heal& options, engine::RunContext& run) { return run.faults().heal(options.fault); }

const scenario::StepRegistration<Heal> registration{
    "heal", "Undoes an injected fault; one that still waits for its point will not act.", "heal: slow"};

}  // namespace
}  // namespace snaphammer::steps
