#include "guest-workloads/workloads/ticker/lateness.h"

#include <algorithm>
#include <chrono>

namespace snaphammer::ticker {
namespace {

using namespace std::chrono_literals;
using workload::JsonObject;

constexpr std::size_t kSuspectsKept = 1000;
constexpr auto kEarly = 1ms;  // A clock's own grain.

}  // namespace

void Lateness::take(const Tick& tick) {
  const std::lock_guard lock(mutex_);
  ++seen_.ticks;
  const Nanoseconds late = tick.fired - tick.due;
  seen_.worst = std::max(seen_.worst, late);
  if (late < -kEarly) suspect(tick, "timer-early");
  if (late > limits_.late) suspect(tick, "timer-late");
}

void Lateness::miss(const Tick& tick) {
  const std::lock_guard lock(mutex_);
  suspect(tick, "timer-missing");
}

void Lateness::suspect(const Tick& tick, const char* kind) {
  if (suspects_.size() < kSuspectsKept) suspects_.push_back({tick, monotonic_now(), kind});
}

void Lateness::judge(Nanoseconds now, std::optional<Nanoseconds> last_restore) {
  std::vector<Suspect> guilty;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(suspects_, [&](const Suspect& suspect) {
      const bool excused =
          last_restore && *last_restore >= suspect.at - limits_.grace && *last_restore <= suspect.at + limits_.grace;
      if (excused) ++seen_.excused;
      if (excused) return true;
      if (now - suspect.at < limits_.grace) return false;
      guilty.push_back(suspect);
      return true;
    });
  }
  for (const Suspect& suspect : guilty) {
    const Nanoseconds late = suspect.tick.fired - suspect.tick.due;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(late).count();
    tell_({std::string(suspect.kind) + ": " + suspect.tick.timer + " by " + std::to_string(ms) + " ms",
           JsonObject()
               .add("kind", suspect.kind)
               .add("timer", suspect.tick.timer)
               .add("due_ns", suspect.tick.due.count())
               .add("fired_ns", suspect.tick.fired.count())
               .add("late_ns", late.count())
               .add("monotonic_ns", suspect.at.count())});
  }
}

bool Lateness::undecided() const {
  const std::lock_guard lock(mutex_);
  return !suspects_.empty();
}

Lateness::Seen Lateness::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

}  // namespace snaphammer::ticker
