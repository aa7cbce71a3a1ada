// EventWaiter: waits until a userfaultfd has events, or until a server is to stop.
//
//   EventWaiter waiter;
//   SNAP_TRY(waiter.open(uffd.fd(), stop.fd()));
//   waiter.wait(std::nullopt);                     // any thread; several at a time are woken one for each event
#pragma once

#include <array>
#include <ctime>
#include <optional>

#include <sys/epoll.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/base/units.h"

namespace snaphammer::uffd {

class EventWaiter {
 public:
  /// Must succeed once before anything is waited for.
  Result<void> open(int userfaultfd, int stop_fd) {
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) return errno_error("epoll_create1");
    SNAP_TRY(watch(userfaultfd));
    return watch(stop_fd);
  }

  /// Returns when there is something to be read, when the server is to stop, after `limit` (less than a second), or for
  /// no reason.
  void wait(std::optional<Duration> limit) const {
    std::array<epoll_event, 2> events;
    timespec timeout{};
    if (limit) timeout.tv_nsec = limit->count();
    ::epoll_pwait2(epoll_.get(), events.data(), events.size(), limit ? &timeout : nullptr, nullptr);
  }

 private:
  Result<void> watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) return errno_error("epoll_ctl");
    return {};
  }

  UniqueFd epoll_;
};

}  // namespace snaphammer::uffd
