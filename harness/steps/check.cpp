// check: all
#include "harness/engine/run_context.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::kWorkloads;

struct Check {
  std::string workload;  ///< A name, or "all": then oracles are asked too.
};

void describe(Fields<Check>& fields) {
  fields
      .add("workload", &Check::workload,
           "A started workload; or all, which is every workload, also of clones, and every oracle.")
      .required()
      .refers_to(kWorkloads, "all");
  fields.shorthand("workload");
}

void follow(const Check& options, Course& course) {
  const bool all = options.workload == "all";
  if (!all || course.has_workloads()) course.needs_healthy();
  if (!all) course.needs_workload(options.workload);
}

Async<void> execute(const Check& options, engine::RunContext& run) {
  return options.workload == "all" ? run.check_all() : run.check_workload(options.workload);
}

const scenario::StepRegistration<Check> registration{"check", "Asks for verdicts now.", "check: all"};

}  // namespace
}  // namespace snaphammer::steps
