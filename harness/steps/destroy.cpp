// destroy: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Guest;

struct Destroy {
  static constexpr bool kEndsGuest = true;
};
void describe(Fields<Destroy>&) {}

void follow(const Destroy&, Course& course) { course.begins_anew(Guest::kNone); }

Async<void> execute(const Destroy&, engine::RunContext& run) { return run.destroy(); }

const scenario::StepRegistration<Destroy> registration{
    "destroy",
    "Ends the guest and lets go of its connections; its snapshots stay, and what was acknowledged before them is still "
    "due in a guest that is restored from one.",
    "destroy: {}"};

}  // namespace
}  // namespace snaphammer::steps
