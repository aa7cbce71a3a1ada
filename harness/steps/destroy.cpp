// destroy: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Fields;

struct Destroy {
  static constexpr bool kEndsGuest = true;
};
void describe(Fields<Destroy>&) {}

Async<void> execute(const Destroy&, engine::RunContext& run) { return run.destroy(); }

const scenario::StepRegistration<Destroy> registration{"destroy", "Ends the guest; its snapshots stay.", "destroy: {}"};

}  // namespace
}  // namespace snaphammer::steps
