// Signal: an eventfd of QEMU's that is written to tell it something, and that QEMU may exchange at
// any time (it does so whenever the guest masks or unmasks an interrupt).
//
// Any thread. The lock is held for one system call that does not wait.
#pragma once

#include <mutex>

#include "lib/interposer/owned_fd.h"

namespace snaphammer::interposer {

class Signal {
 public:
  /// An invalid descriptor: raise() does nothing.
  void set(OwnedFd fd);
  void raise();

 private:
  std::mutex mutex_;
  OwnedFd fd_;
};

}  // namespace snaphammer::interposer
