#include "lib/interposer/thread.h"

#include <csignal>
#include <cstring>

#include "lib/interposer/fatal.h"

namespace snaphammer::interposer {
namespace {

void* run_body(void* body) {
  (*static_cast<std::function<void()>*>(body))();
  return nullptr;
}

}  // namespace

void Thread::start(const char* name, std::function<void()> body) {
  join();
  body_ = std::move(body);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // A new thread inherits its creator's mask.
  const int error = ::pthread_create(&thread_, nullptr, run_body, &body_);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) fatal("no thread for %s: %s", name, std::strerror(error));
  ::pthread_setname_np(thread_, name);
  running_ = true;
}

void Thread::join() {
  if (!running_) return;
  ::pthread_join(thread_, nullptr);
  running_ = false;
}

}  // namespace snaphammer::interposer
