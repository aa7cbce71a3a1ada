// verify_snapshot: s1
#include "harness/engine/run_context.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Fields;
using scenario::kSnapshots;

struct VerifySnapshot {
  std::string id = "all";
};

void describe(Fields<VerifySnapshot>& fields) {
  fields.add("id", &VerifySnapshot::id, "A snapshot, or all.").refers_to(kSnapshots, "all");
  fields.shorthand("id");
}

Async<void> execute(const VerifySnapshot& options, engine::RunContext& run) { return run.verify_snapshot(options.id); }

const scenario::StepRegistration<VerifySnapshot> registration{
    "verify_snapshot", "Checks every byte of a stored snapshot.", "verify_snapshot: s1"};

}  // namespace
}  // namespace snaphammer::steps
