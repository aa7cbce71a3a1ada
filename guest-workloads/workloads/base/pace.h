// How long a thread has to rest so that it takes no more than its share of a CPU. Guests are small and often emulated: a
// workload that works as fast as it can starves the agent beside it, and what it would then show is its own load.
//
//   Pace pace(15);                        // percent of one CPU
//   while (...) {
//     ... some milliseconds of work ...
//     wait_for(pace.rest());
//   }
//
// Used on the thread that it is for, whose CPU time it reads.
#pragma once

#include <chrono>
#include <cstdint>

#include <time.h>

namespace snaphammer::workload {

class Pace {
 public:
  using Duration = std::chrono::nanoseconds;

  /// `percent`: 1 to 100. `more`: CPU time that counts as this thread's too, such as its children's.
  explicit Pace(std::uint64_t percent, Duration (*more)() = nullptr)
      : percent_(static_cast<Duration::rep>(percent)), more_(more) {}

  /// For the CPU time used since the last call; the first call starts the count.
  Duration rest() {
    const Duration now = thread_time() + (more_ != nullptr ? more_() : Duration(0));
    const Duration used = started_ ? now - counted_ : Duration(0);
    started_ = true;
    counted_ = now;
    return used * (100 - percent_) / percent_;
  }

 private:
  static Duration thread_time() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
  }

  Duration::rep percent_;
  Duration (*more_)();
  bool started_ = false;
  Duration counted_{};
};

}  // namespace snaphammer::workload
