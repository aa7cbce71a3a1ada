// stop: zp
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"
#include "harness/steps/spaces.h"

namespace snaphammer::steps {
namespace {

using scenario::Fields;

struct Stop {
  std::string workload;  ///< A name, or "all".
};

void describe(Fields<Stop>& fields) {
  fields.add("workload", &Stop::workload, "A started workload, or all.").required().releases(kWorkloads, "all");
  fields.shorthand("workload");
}

Async<void> execute(const Stop& options, engine::RunContext& run) {
  return options.workload == "all" ? run.stop_all() : run.stop_workload(options.workload);
}

const scenario::StepRegistration<Stop> registration{"stop", "Asks a workload for its last verdict and ends it.",
                                                    "stop: zp"};

}  // namespace
}  // namespace snaphammer::steps
