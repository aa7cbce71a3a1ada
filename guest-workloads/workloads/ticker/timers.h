// Timers of every kind that programs use, each in a thread of its own:
//   nanosleep   clock_nanosleep(), absolute, monotonic
//   condition   a condition variable's timed wait: futex, monotonic
//   timerfd     periodic, monotonic; its expirations are counted
//   wall        timerfd, absolute, on the wall clock
//
//   Timers timers(50ms, safe_point, lateness);
//   timers.start();
//   timers.look_for_missing(3s);                   // now and then: a timer that never fires says nothing itself
//   safe_point.end(); timers.join();
#pragma once

#include <array>
#include <atomic>
#include <thread>

#include "guest-workloads/workloads/base/safe_point.h"
#include "guest-workloads/workloads/ticker/lateness.h"

namespace snaphammer::ticker {

class Timers {
 public:
  static constexpr std::size_t kKinds = 4;

  Timers(Nanoseconds period, workload::SafePoint& safe_point, Lateness& lateness)
      : period_(period), safe_point_(safe_point), lateness_(lateness) {}
  ~Timers() { join(); }
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  void start();
  void join();

  /// Reports, once each, ticks that are overdue by more than `late` and have not come. Not while the timers are held.
  void look_for_missing(Nanoseconds late);
  /// Whether the present tick of a timer has been reported as missing.
  bool is_missing(std::size_t kind) const {
    return timers_[kind].told != 0 && timers_[kind].told == timers_[kind].waiting_since;
  }
  std::uint64_t ticks(std::size_t kind) const { return timers_[kind].ticks; }
  static const char* name(std::size_t kind);

 private:
  struct Timer {
    std::thread thread;
    std::atomic<std::uint64_t> ticks = 0;
    std::atomic<Nanoseconds::rep> waiting_since = 0;  ///< Monotonic; 0 while it does not wait.
    Nanoseconds::rep told = 0;
  };

  void run(std::size_t kind);
  void nanosleep_tick(Timer& timer);
  void condition_tick(Timer& timer);
  void timerfd_tick(Timer& timer);
  void wall_tick(Timer& timer);
  void begin_wait(Timer& timer) { timer.waiting_since = monotonic_now().count(); }
  void end_wait(Timer& timer, const Tick& tick);

  const Nanoseconds period_;
  workload::SafePoint& safe_point_;
  Lateness& lateness_;
  std::array<Timer, kKinds> timers_;
};

}  // namespace snaphammer::ticker
