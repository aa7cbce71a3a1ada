// StopSignal: one flag that ends the threads of a server, wherever they wait.
//
//   stop.set();                                   // any thread, any number of times
//   while (!stop.is_set()) poll(stop.fd(), ...);  // the descriptor is readable once it is set, and stays so
#pragma once

#include <atomic>
#include <cstdint>

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
    set_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the descriptor is readable already.
    [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
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
  UniqueFd event_;
  std::atomic<bool> set_ = false;
};

}  // namespace snaphammer::uffd
