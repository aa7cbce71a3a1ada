// snapshot: {id: s1, type: full}
#include "harness/engine/run_context.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Choices;
using scenario::Course;
using scenario::Fields;
using scenario::Guest;
using scenario::kSnapshots;
using scenario::Node;
using scenario::Reader;

enum class Type { kFull, kDiff };
void describe(Choices<Type>& words) {
  words.add(Type::kFull, "full", "all of memory");
  words.add(Type::kDiff, "diff", "the pages that differ from the snapshot that the guest came from");
}

struct Snapshot {
  static constexpr bool kStopsGuest = true;
  std::string id;  ///< Never empty after reading.
  Type type = Type::kFull;
  bool resume = true;
};

void describe(Fields<Snapshot>& fields) {
  fields.add("id", &Snapshot::id, "What later steps call it; without it, snapshot-1, snapshot-2 and so on.")
      .matching("[A-Za-z0-9][A-Za-z0-9_-]*", "a name of letters, digits, - and _")
      .declares(kSnapshots)
      .otherwise([](Snapshot& snapshot, Reader& reader, const Node& node) {
        snapshot.id = "snapshot-" + std::to_string(reader.declared(kSnapshots).size() + 1);
        reader.declare(kSnapshots, snapshot.id, node.where);
      });
  fields.add("type", &Snapshot::type, "What is stored.");
  fields.add("resume", &Snapshot::resume,
             "Whether the guest goes on afterwards, if it ran before; else it stays stopped.");
}

void follow(const Snapshot& options, Course& course) {
  course.needs({Guest::kRunning, Guest::kPaused});
  if (options.type == Type::kDiff) course.needs_any_snapshot();
  course.takes(options.id);
  if (!options.resume) course.becomes(Guest::kPaused);  // Otherwise it goes on, unless it stood still before.
}

Async<void> execute(const Snapshot& options, engine::RunContext& run) {
  return run.snapshot(options.id, {.diff = options.type == Type::kDiff, .resume = options.resume});
}

const scenario::StepRegistration<Snapshot> registration{
    "snapshot", "Runs the whole pause sequence and stores the guest.", "snapshot: {id: s1, type: full}"};

}  // namespace
}  // namespace snaphammer::steps
