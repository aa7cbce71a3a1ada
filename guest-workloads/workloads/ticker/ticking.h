// The life of ticker: timers in their threads, readings of the clocks in this one; and the commands meanwhile.
//
//   Ticking ticking(options, STDIN_FILENO);
//   ticking.run();
//
// A check waits until every timer has fired once more, and until all that was seen so far is decided, which takes the grace
// time at most.
#pragma once

#include <array>
#include <optional>

#include "guest-workloads/workloads/base/commands.h"
#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/base/safe_point.h"
#include "guest-workloads/workloads/ticker/clock_watch.h"
#include "guest-workloads/workloads/ticker/lateness.h"
#include "guest-workloads/workloads/ticker/options.h"
#include "guest-workloads/workloads/ticker/timers.h"

namespace snaphammer::ticker {

class Ticking {
 public:
  Ticking(const Options& options, int commands);
  ~Ticking();

  /// Runs until `stop` or the end of the commands.
  void run();

 private:
  void look();
  void answer_checks();
  /// Whether all timers have fired since the check came; one that is known to be missing is not waited for.
  bool have_ticked() const;
  bool undecided() const { return watch_.undecided() || lateness_.undecided(); }
  void beat_when_due();
  workload::JsonObject counters() const;
  void report(const ClockFinding& finding);

  Options options_;
  workload::Output output_;
  workload::SafePoint safe_point_;
  workload::Commands commands_;
  std::uint64_t findings_ = 0;
  Clocks clocks_;
  ClockWatch watch_;
  Lateness lateness_;
  Timers timers_;
  std::optional<std::array<std::uint64_t, Timers::kKinds>> ticks_at_check_;
  Nanoseconds last_beat_{};
};

}  // namespace snaphammer::ticker
