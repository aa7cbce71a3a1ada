// stop: zp
#include "harness/engine/run_context.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::kWorkloads;

struct Stop {
  std::string workload;  ///< A name, or "all".
};

void describe(Fields<Stop>& fields) {
  fields.add("workload", &Stop::workload, "A started workload, or all.").required().refers_to(kWorkloads, "all");
  fields.shorthand("workload");
}

void follow(const Stop& options, Course& course) {
  const bool all = options.workload == "all";
  if (!all || course.has_workloads()) course.needs_healthy();
  all ? course.stops_all() : course.stops(options.workload);
}

Async<void> execute(const Stop& options, engine::RunContext& run) {
  return options.workload == "all" ? run.stop_all() : run.stop_workload(options.workload);
}

const scenario::StepRegistration<Stop> registration{"stop", "Asks a workload for its last verdict and ends it.",
                                                    "stop: zp"};

}  // namespace
}  // namespace snaphammer::steps
