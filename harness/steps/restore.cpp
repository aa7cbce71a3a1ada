// restore: {from: s1}
#include "harness/engine/run_context.h"
#include "harness/scenario/knobs.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Guest;
using scenario::kSnapshots;
using scenario::Node;
using scenario::Prefetch;
using scenario::Reader;

struct Restore {
  static constexpr bool kEndsGuest = true;
  std::string from;                  ///< Never empty after reading.
  std::optional<Prefetch> prefetch;  ///< Overrides runtime.uffd.prefetch for this restore.
  bool resume = true;
};

void describe(Fields<Restore>& fields) {
  fields.add("from", &Restore::from, "The snapshot; without it, the one before this step.")
      .refers_to(kSnapshots)
      .otherwise([](Restore& restore, Reader& reader, const Node& node) {
        const std::vector<std::string> snapshots = reader.declared(kSnapshots);
        if (snapshots.empty()) {
          reader.fail(node, "no earlier step makes a snapshot to restore", "add `- snapshot: {id: s1}` before it");
          return;
        }
        restore.from = snapshots.back();
      });
  fields.add("prefetch", &Restore::prefetch, "Instead of runtime.uffd.prefetch, for this restore.");
  fields.add("resume", &Restore::resume, "Whether the guest runs at once; otherwise a `resume` step lets it.");
}

void follow(const Restore& options, Course& course) {
  course.brings_back(options.from, options.resume ? Guest::kRunning : Guest::kPaused);
}

Async<void> execute(const Restore& options, engine::RunContext& run) {
  return run.restore(options.from, {.prefetch = options.prefetch, .resume = options.resume});
}

const scenario::StepRegistration<Restore> registration{
    "restore", "Ends the present guest and starts a snapshot of it instead.", "restore: {from: s1, prefetch: off}"};

}  // namespace
}  // namespace snaphammer::steps
