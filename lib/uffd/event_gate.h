// EventGate: orders the reading of events against the installation of pages.
//
//   { const std::unique_lock reading(gate);    read events; apply them; }
//   { const std::shared_lock installing(gate); look at a page's state; install it; note its new state; }
//
// Why it is needed: the kernel lets the thread that discards memory go on as soon as its REMOVE event has been
// *read*. A copy whose decision fell before the read and which reaches the kernel afterwards would put old bytes
// into a page that reads as zeros. Inside the gate a copy either comes before the read (then the kernel refuses
// it or discards it with the rest of the range) or after it, when the page's state forbids it.
//
// Whoever reads goes first: installers that come later wait, so reading waits for the system calls that are in
// the kernel already and for nothing else. Do not take the gate twice in one thread.
#pragma once

#include <ctime>

#include <pthread.h>

#include "lib/base/units.h"

namespace snaphammer::uffd {

class EventGate {
 public:
  EventGate() {
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&lock_, &attributes);
    pthread_rwlockattr_destroy(&attributes);
  }
  ~EventGate() { pthread_rwlock_destroy(&lock_); }
  EventGate(const EventGate&) = delete;
  EventGate& operator=(const EventGate&) = delete;

  void lock() { pthread_rwlock_wrlock(&lock_); }
  /// For std::unique_lock: gives up at `deadline`.
  bool try_lock_until(TimePoint deadline) {
    const Duration at = deadline.time_since_epoch();
    const timespec time = {static_cast<time_t>(at.count() / 1'000'000'000), at.count() % 1'000'000'000};
    return pthread_rwlock_clockwrlock(&lock_, CLOCK_MONOTONIC, &time) == 0;
  }
  void unlock() { pthread_rwlock_unlock(&lock_); }
  void lock_shared() { pthread_rwlock_rdlock(&lock_); }
  void unlock_shared() { pthread_rwlock_unlock(&lock_); }

 private:
  pthread_rwlock_t lock_;
};

}  // namespace snaphammer::uffd
