// A named thread inside QEMU. All signals are blocked in it, so that QEMU's own threads, which wait
// for signals in particular places, still get every one.
//
//   thread_.start("snap-vsock-rx", [this] { run(); });
//   ... make run() return ...
//   thread_.join();
//
// Whoever owns the Thread starts and joins it; destroying a running one joins it.
#pragma once

#include <functional>

#include <pthread.h>

namespace snaphammer::interposer {

class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { join(); }

  /// `name` has at most 15 characters. Ends QEMU when the system has no thread to give.
  void start(const char* name, std::function<void()> body);
  /// Returns when the body has returned; at once when there is none.
  void join();

 private:
  std::function<void()> body_;
  pthread_t thread_ = {};
  bool running_ = false;
};

}  // namespace snaphammer::interposer
