#include "guest-workloads/workloads/base/safe_point.h"

namespace snaphammer::workload {

bool SafePoint::pass(std::chrono::nanoseconds rest) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, rest, [this] { return closed_ || ended_; });
  if (closed_) {
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !closed_ || ended_; });
    --held_;
  }
  return !ended_;
}

void SafePoint::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return held_ == threads_; });
}

void SafePoint::open() {
  const std::lock_guard lock(mutex_);
  closed_ = false;
  changed_.notify_all();
}

void SafePoint::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

}  // namespace snaphammer::workload
