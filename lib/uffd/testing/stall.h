// Stall: holds threads at a failpoint until the test lets them go.
//
//   Stall copying("uffd.before_copy", Stall::kFirst);
//   auto touched = vmm.touch(0);
//   copying.await_reached();        // the fault was read, its page is about to be copied
//   vmm.remove(0);
//   copying.release();
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>

#include "lib/base/failpoint.h"

namespace snaphammer::uffd {

class Stall {
 public:
  enum Which {
    kFirst,  ///< Only the first thread that arrives.
    kAll,    ///< Everyone who arrives before release().
  };

  Stall(std::string_view failpoint, Which which) : which_(which), guard_(failpoint, [this] { return hold(); }) {}
  ~Stall() { release(); }

  /// Returns when `count` threads have arrived; false after a generous time without.
  bool await_reached(unsigned count = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return arrived_ >= count; });
  }
  void release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

 private:
  Result<void> hold() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    if (which_ == kFirst && arrived_ > 1) return {};
    changed_.wait(lock, [this] { return released_; });
    return {};
  }

  const Which which_;
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned arrived_ = 0;
  bool released_ = false;
  ScopedFailpoint guard_;  // Last: it must be disarmed before the rest goes.
};

}  // namespace snaphammer::uffd
