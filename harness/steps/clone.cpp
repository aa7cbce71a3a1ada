// clone: {from: s1, count: 2}
#include "harness/engine/run_context.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::kSnapshots;

struct Clone {
  std::string from;
  unsigned count = 2;
};

void describe(Fields<Clone>& fields) {
  fields.add("from", &Clone::from, "The snapshot.").required().refers_to(kSnapshots);
  fields.add("count", &Clone::count, "How many guests.").between(1, 64);
}

void follow(const Clone& options, Course& course) { course.makes_clones(options.count); }

Async<void> execute(const Clone& options, engine::RunContext& run) { return run.clone(options.from, options.count); }

const scenario::StepRegistration<Clone> registration{"clone",
                                                     "Starts several guests from one snapshot, side by side. They live "
                                                     "until `destroy` or the run's end. `check: all` has "
                                                     "their workloads verify everything, too; what else goes wrong in "
                                                     "one is found there, or when they end.",
                                                     "clone: {from: s1, count: 2}"};

}  // namespace
}  // namespace snaphammer::steps
