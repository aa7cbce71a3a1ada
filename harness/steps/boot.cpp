// boot: {}
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Guest;

struct Boot {
  static constexpr bool kEndsGuest = true;
  bool fresh = false;
};

void describe(Fields<Boot>& fields) {
  fields.add("fresh", &Boot::fresh, "Boot from the kernel even when a base snapshot of this machine is cached.");
}

void follow(const Boot&, Course& course) { course.begins_anew(Guest::kRunning); }

Async<void> execute(const Boot& options, engine::RunContext& run) { return run.boot(options.fresh); }

const scenario::StepRegistration<Boot> registration{
    "boot",
    "Starts the guest and waits until it is healthy. Its memory is served rightly and at once, whatever runtime.uffd, "
    "uffd.delay and uffd.read_error say: they are about restores.",
    "boot: {}"};

}  // namespace
}  // namespace snaphammer::steps
