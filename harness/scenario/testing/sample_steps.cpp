// Steps that exist for tests only, so that the format can be tested without the real ones.
#include "harness/scenario/step_registration.h"
#include "harness/scenario/union.h"

namespace snaphammer::scenario::testing {
namespace {

struct Wait {
  Duration duration{};
};
void describe(Fields<Wait>& fields) {
  fields.add("duration", &Wait::duration, "How long.").required().between(Duration(0), std::chrono::hours(1));
  fields.shorthand("duration");
}
Duration expected_time(const Wait& wait) { return wait.duration; }
Async<void> execute(const Wait& wait, engine::RunContext&) { return wait_for(wait.duration); }
const StepRegistration<Wait> wait{"wait", "Waits.", "wait: 2s"};

struct Make {
  std::string id;
  unsigned size = 1;
  std::optional<std::vector<std::string>> labels;
};
void describe(Fields<Make>& fields) {
  fields.add("id", &Make::id, "Its name.").required().matching("[a-z0-9]+", "a name of a-z and 0-9").declares("thing");
  fields.add("size", &Make::size, "How large.").between(1, 100);
  fields.add("labels", &Make::labels, "What it is called besides.");
}
Async<void> execute(const Make&, engine::RunContext&) { co_return Result<void>(); }
const StepRegistration<Make> make{"make", "Makes a thing.", "make: {id: a}"};

struct Use {
  std::string thing;
};
void describe(Fields<Use>& fields) {
  fields.add("thing", &Use::thing, "Which.").required().refers_to("thing", "all");
  fields.shorthand("thing");
}
Async<void> execute(const Use&, engine::RunContext&) { co_return Result<void>(); }
const StepRegistration<Use> use{"use", "Uses a thing.", "use: a"};

struct Drop {
  std::string thing;
};
void describe(Fields<Drop>& fields) {
  fields.add("thing", &Drop::thing, "Which.").required().releases("thing", "all");
  fields.shorthand("thing");
}
Async<void> execute(const Drop&, engine::RunContext&) { co_return Result<void>(); }
const StepRegistration<Drop> drop{"drop", "Ends a thing; its name may be used again.", "drop: a"};

struct Group {
  StepList steps;
};
void describe(Fields<Group>& fields) {
  fields.add("steps", &Group::steps, "Steps inside.").required();
  fields.shorthand("steps");
}
Async<void> execute(const Group&, engine::RunContext&) { co_return Result<void>(); }
const StepRegistration<Group> group{"group", "Steps inside of a step.", "group: {steps: [{wait: 1s}]}"};

/// Part of the format, and without an execute().
struct Unbuilt {};
void describe(Fields<Unbuilt>&) {}
const StepRegistration<Unbuilt> unbuilt{"unbuilt", "Is not implemented.", "unbuilt: {}"};

}  // namespace
}  // namespace snaphammer::scenario::testing
