// Judges whether timers are late. One that is may have been on its way through a restore, so that is decided later.
//
//   Lateness lateness({.late = 3s, .grace = 10s}, tell);
//   lateness.take({.timer = "nanosleep", .due = t, .fired = now});          // any thread
//   lateness.judge(monotonic_now(), watch.last_restore());                  // the thread that tells
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "guest-workloads/workloads/ticker/clock_watch.h"

namespace snaphammer::ticker {

/// One time that a timer fired, by the clock that it runs on.
struct Tick {
  const char* timer = "";
  Nanoseconds due{};
  Nanoseconds fired{};
};

class Lateness {
 public:
  struct Limits {
    Nanoseconds late;
    Nanoseconds grace;
  };
  struct Seen {
    std::uint64_t ticks = 0;
    std::uint64_t excused = 0;  ///< Late, around a restore.
    Nanoseconds worst{};        ///< Of all, the excused ones too.
  };

  Lateness(const Limits& limits, Tell tell) : limits_(limits), tell_(std::move(tell)) {}

  void take(const Tick& tick);
  /// A tick that is overdue and has not come.
  void miss(const Tick& tick);

  void judge(Nanoseconds now, std::optional<Nanoseconds> last_restore);
  /// Whether a late tick waits to be judged.
  bool undecided() const;
  Seen seen() const;

 private:
  struct Suspect {
    Tick tick;
    Nanoseconds at;  ///< Monotonic.
    const char* kind;
  };
  void suspect(const Tick& tick, const char* kind);

  Limits limits_;
  Tell tell_;
  mutable std::mutex mutex_;
  Seen seen_;
  std::vector<Suspect> suspects_;
};

}  // namespace snaphammer::ticker
