#include "lib/interposer/signal.h"

#include <sys/eventfd.h>

namespace snaphammer::interposer {

void Signal::set(OwnedFd fd) {
  const std::lock_guard lock(mutex_);
  std::swap(fd_, fd);
}

void Signal::raise() {
  const std::lock_guard lock(mutex_);
  // It fails only when the counter is full, and then it is raised already.
  if (fd_) ::eventfd_write(fd_.get(), 1);
}

}  // namespace snaphammer::interposer
