#include "lib/interposer/pump.h"

#include <cerrno>
#include <iterator>

#include <poll.h>
#include <sys/eventfd.h>

#include "lib/interposer/fatal.h"

namespace snaphammer::interposer {

Pump::Pump(const char* thread_name, Direction& direction, int socket)
    : thread_name_(thread_name),
      direction_(direction),
      socket_(socket),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) fatal("no eventfd for %s: %s", thread_name, system_error());
}

void Pump::start(const VringSetup& setup, const GuestMemory& memory, DirtyLog log, int kick) {
  stop();
  ring_.emplace(setup, memory, log);
  kick_ = kick;
  stopping_.store(false);
  running_ = true;
  thread_.start(thread_name_, [this] { run(); });
}

void Pump::stop() {
  if (!running_) return;
  stopping_.store(true);
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
  eventfd_t ignored = 0;
  ::eventfd_read(wake_.get(), &ignored);
  running_ = false;
}

void Pump::run() {
  ring_->start();
  while (!stopping_.load()) {
    const Wait wait = direction_.move(*ring_);
    if (ring_->take_need_to_signal()) call_.raise();
    if (wait == Wait::kNothing) continue;
    if (wait == Wait::kForever && ring_->defect() != nullptr) {
      report("vsock queue %s stopped: %s", direction_.name(), ring_->defect());
      error_.raise();
    }
    // A chain that became available before kicks were enabled came without one.
    const bool raced = wait == Wait::kKick && ring_->enable_kicks();
    if (!raced) wait_for(wait);
    if (wait == Wait::kKick) ring_->disable_kicks();
  }
}

void Pump::wait_for(Wait wait) {
  pollfd events[] = {
      {wake_.get(), POLLIN, 0},
      {wait == Wait::kKick ? kick_ : -1, POLLIN, 0},
      {wait == Wait::kSocket ? socket_ : -1, direction_.socket_events(), 0},
  };
  // Woken without a cause, the direction finds nothing to move and comes back here.
  if (::poll(events, std::size(events), -1) < 0 && errno != EINTR)
    fatal("poll in %s: %s", thread_name_, system_error());
  if ((events[1].revents & (POLLERR | POLLNVAL)) != 0) fatal("the kick descriptor of %s is no eventfd", thread_name_);
  eventfd_t ignored = 0;
  if (events[1].revents != 0) ::eventfd_read(kick_, &ignored);
}

}  // namespace snaphammer::interposer
