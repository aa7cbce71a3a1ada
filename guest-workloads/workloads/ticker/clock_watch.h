// Judges what the clocks say, reading by reading.
//
//   ClockWatch watch({.skew = 2s, .grace = 10s}, [](const ClockFinding& finding) { ... });
//   watch.take(clocks.read());                            // several times a second
//
// * The monotonic clock never goes backwards, on no CPU, and neither over a restore.
// * The wall clock and the monotonic one advance together. What is left are jumps: the wall clock was set. Backwards
//   by more than the skew is wrong; forward is right around a restore, and when the host says that it has set it.
// * The wall clock says what the hardware clock does, if there is one; whoever lets a guest go on has `grace` to bring
//   that about.
//
// Time is what the readings say, so it is the guest's own. One thread.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/ticker/clocks.h"

namespace snaphammer::ticker {

struct ClockFinding {
  std::string message;
  workload::JsonObject evidence;
};
using Tell = std::function<void(const ClockFinding&)>;

inline double to_ms(Nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

class ClockWatch {
 public:
  struct Limits {
    Nanoseconds skew;
    Nanoseconds grace;
  };
  struct Seen {
    std::uint64_t readings = 0;
    std::uint64_t compared = 0;  ///< With the hardware clock.
    std::uint64_t restores = 0;  ///< New generations.
    std::uint64_t jumps = 0;
    Nanoseconds last_jump{};  ///< How far the wall clock was set, forward positive.
    Nanoseconds off{};        ///< The wall clock, from the hardware clock; 0 within its second.
  };

  ClockWatch(const Limits& limits, Tell tell) : limits_(limits), tell_(std::move(tell)) {}

  void take(const Reading& reading);

  /// When a restore was last seen: a new generation, or a jump forward. Monotonic.
  std::optional<Nanoseconds> last_restore() const { return last_restore_; }
  /// Whether the wall clock was read wrong and has time left to be set; or jumped, and why is not known yet.
  bool undecided() const { return off_since_.has_value() || !unexplained_.empty(); }
  const Seen& seen() const { return seen_; }

 private:
  struct Jump {
    Nanoseconds at;
    Nanoseconds by;
  };

  void look_for_setting(const Reading& reading);
  void look_for_jump(const Reading& reading);
  void judge_jumps(Nanoseconds now);
  void compare_with_hardware(const Reading& reading);

  Limits limits_;
  Tell tell_;
  Seen seen_;
  std::optional<Reading> last_;
  std::optional<Nanoseconds> last_setting_;
  std::optional<Nanoseconds> last_restore_;
  std::deque<Jump> unexplained_;
  std::optional<Nanoseconds> off_since_;
  bool off_told_ = false;
};

}  // namespace snaphammer::ticker
