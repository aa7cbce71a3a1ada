// StopSignal: ends the threads of a server, wherever they wait, or makes them stand still for a while.
//
//   stop.set();                                   // any thread, any number of times
//   while (!stop.is_set()) poll(stop.fd(), ...);  // the descriptor is readable once it is set, and stays so
//
//   stop.suspend();                               // as SIGSTOP would: threads stand still where they ask
//   stop.wait_while_suspended();                  // where they ask; also goes on when the server is to end
//   stop.resume();
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/base/units.h"

namespace snaphammer::uffd {

class StopSignal {
 public:
  /// Must succeed once before anything else is called.
  Result<void> open() {
    event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event_) return errno_error("eventfd");
    return {};
  }
  void set() {
    {
      const std::lock_guard lock(mutex_);
      set_.store(true, std::memory_order_release);
      changed_.notify_all();
    }
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the descriptor is readable already.
    [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
  }
  void suspend() { set_suspended(true); }
  void resume() { set_suspended(false); }
  /// Costs one atomic load when nothing is suspended. False when that has not changed at `deadline`.
  bool wait_while_suspended(TimePoint deadline = TimePoint::max()) {
    if (!suspended_.load(std::memory_order_relaxed)) return true;
    std::unique_lock lock(mutex_);
    const auto goes_on = [this] { return !suspended_ || set_; };
    if (deadline != TimePoint::max()) return changed_.wait_until(lock, deadline, goes_on);
    changed_.wait(lock, goes_on);
    return true;
  }
  bool is_set() const { return set_.load(std::memory_order_acquire); }
  int fd() const { return event_.get(); }

  /// Waits until it is set, for at most `limit`; whether it is.
  bool wait_for(Duration limit) const {
    pollfd fds = {event_.get(), POLLIN, 0};
    const timespec timeout = {static_cast<time_t>(limit.count() / 1'000'000'000), limit.count() % 1'000'000'000};
    ::ppoll(&fds, 1, &timeout, nullptr);
    return is_set();
  }

 private:
  void set_suspended(bool suspended) {
    const std::lock_guard lock(mutex_);
    suspended_ = suspended;
    changed_.notify_all();
  }

  UniqueFd event_;
  std::atomic<bool> set_ = false;
  std::atomic<bool> suspended_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace snaphammer::uffd
