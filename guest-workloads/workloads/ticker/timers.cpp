#include "guest-workloads/workloads/ticker/timers.h"

#include <cerrno>
#include <condition_variable>
#include <mutex>

#include <pthread.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

namespace snaphammer::ticker {
namespace {

constexpr const char* kNames[Timers::kKinds] = {"nanosleep", "condition", "timerfd", "wall"};
constexpr unsigned kPeriodsAtOnce = 5;  // Of the periodic timer.

timespec to_timespec(Nanoseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}

/// A timerfd for one use. False when there is none to be had.
class TimerFd {
 public:
  explicit TimerFd(int clock) : descriptor_(::timerfd_create(clock, TFD_CLOEXEC)) {}
  ~TimerFd() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  TimerFd(const TimerFd&) = delete;
  TimerFd& operator=(const TimerFd&) = delete;

  bool set(Nanoseconds first, Nanoseconds period) {
    const itimerspec times{.it_interval = to_timespec(period), .it_value = to_timespec(first)};
    return descriptor_ >= 0 && ::timerfd_settime(descriptor_, TFD_TIMER_ABSTIME, &times, nullptr) == 0;
  }
  /// Waits for it; how often it has expired.
  std::uint64_t wait() {
    std::uint64_t expired = 0;
    while (::read(descriptor_, &expired, sizeof expired) < 0 && errno == EINTR) {
    }
    return expired;
  }

 private:
  int descriptor_;
};

}  // namespace

const char* Timers::name(std::size_t kind) { return kNames[kind]; }

void Timers::start() {
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    timers_[kind].thread = std::thread([this, kind] { run(kind); });
  }
}

void Timers::join() {
  for (Timer& timer : timers_) {
    if (timer.thread.joinable()) timer.thread.join();
  }
}

void Timers::run(std::size_t kind) {
  ::pthread_setname_np(::pthread_self(), kNames[kind]);
  constexpr void (Timers::*kTicks[kKinds])(Timer&) = {&Timers::nanosleep_tick, &Timers::condition_tick,
                                                      &Timers::timerfd_tick, &Timers::wall_tick};
  while (safe_point_.pass(Nanoseconds(0))) (this->*kTicks[kind])(timers_[kind]);
}

void Timers::end_wait(Timer& timer, const Tick& tick) {
  lateness_.take(tick);
  timer.waiting_since = 0;  // Only now: in between it would neither be missing nor late.
  ++timer.ticks;
}

void Timers::nanosleep_tick(Timer& timer) {
  const Nanoseconds due = monotonic_now() + period_;
  const timespec until = to_timespec(due);
  begin_wait(timer);
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
  end_wait(timer, {kNames[0], due, monotonic_now()});
}

void Timers::condition_tick(Timer& timer) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto due = std::chrono::steady_clock::now() + period_;
  begin_wait(timer);
  never.wait_until(lock, due, [due] { return std::chrono::steady_clock::now() >= due; });
  end_wait(timer, {kNames[1], due.time_since_epoch(), monotonic_now()});
}

void Timers::timerfd_tick(Timer& timer) {
  TimerFd periodic(CLOCK_MONOTONIC);
  const Nanoseconds start = monotonic_now();
  if (!periodic.set(start + period_, period_)) return;
  for (std::uint64_t expired = 0; expired < kPeriodsAtOnce;) {
    begin_wait(timer);
    expired += periodic.wait();
    // The last that it counts is due at or before now, or the timer runs ahead of its clock.
    end_wait(timer, {kNames[2], start + period_ * static_cast<Nanoseconds::rep>(expired), monotonic_now()});
  }
}

void Timers::wall_tick(Timer& timer) {
  TimerFd once(CLOCK_REALTIME);
  const Nanoseconds due = wall_now() + period_;
  if (!once.set(due, Nanoseconds(0))) return;
  begin_wait(timer);
  once.wait();
  end_wait(timer, {kNames[3], due, wall_now()});
}

void Timers::look_for_missing(Nanoseconds late) {
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    Timer& timer = timers_[kind];
    const Nanoseconds::rep since = timer.waiting_since;
    const Nanoseconds due = Nanoseconds(since) + period_;
    const Nanoseconds now = monotonic_now();
    if (since == 0 || since == timer.told || now - due <= late) continue;
    timer.told = since;
    lateness_.miss({kNames[kind], due, now});
  }
}

}  // namespace snaphammer::ticker
