#include "harness/scenario/idle_knobs.h"

#include <algorithm>

namespace snaphammer::scenario {
namespace {

bool is_builtin(const UffdHandler& handler) { return std::holds_alternative<BuiltinHandler>(handler); }

/// Whether every page server of the run has counted, and none has counted one.
bool counted_none(const report::RunResult& result, const char* counter) {
  return std::ranges::all_of(result.restores, [counter](const report::RestoreReport& restore) {
    return restore.uffd.is_object() && restore.uffd.value(counter, 1U) == 0;
  });
}

}  // namespace

std::vector<std::string> idle_knobs(const RuntimeKnobs& knobs, const report::RunResult& result) {
  std::vector<std::string> idle;
  if (is_builtin(knobs.uffd.handler)) {
    const UffdKnobs right;
    if (counted_none(result, "removes")) {
      const std::string why = "no REMOVE event came after a restore, so ";
      if (knobs.uffd.on_remove != right.on_remove) idle.push_back(why + "uffd.on_remove could not act");
      if (knobs.uffd.event_order != right.event_order) idle.push_back(why + "uffd.event_order could not act");
    }
    if (knobs.uffd.on_eagain != right.on_eagain && counted_none(result, "eagain")) {
      idle.push_back("no copy of a page was refused for a pending event (EAGAIN), so uffd.on_eagain could not act");
    }
  }
  const bool diffs =
      std::ranges::any_of(result.pauses, [](const report::PauseReport& pause) { return pause.type == "diff"; });
  if (knobs.snapshot.zero_blocks != SnapshotKnobs{}.zero_blocks && !diffs) {
    idle.push_back("no diff snapshot was taken, so snapshot.zero_blocks could not act");
  }
  return idle;
}

}  // namespace snaphammer::scenario
