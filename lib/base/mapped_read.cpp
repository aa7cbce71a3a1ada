#include "lib/base/mapped_read.h"

#include <csetjmp>
#include <csignal>

#include <ucontext.h>

namespace snaphammer::internal {
namespace {

// Where this thread's read_mapped() goes on after a SIGBUS; null outside of one.
thread_local sigjmp_buf* volatile way_out = nullptr;
struct sigaction before {};

void on_bus_error(int, siginfo_t*, void* context) {
  if (way_out != nullptr) {
    // Here and not by sigsetjmp(), which would cost each read a system call.
    ::pthread_sigmask(SIG_SETMASK, &static_cast<ucontext_t*>(context)->uc_sigmask, nullptr);
    siglongjmp(*way_out, 1);
  }
  ::sigaction(SIGBUS, &before, nullptr);  // The access is repeated on return, and meets what would have met it.
}

void take_over_bus_errors() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, &before);
}

}  // namespace

bool read_mapped(void (*read)(void*), void* context) {
  static const bool taken_over = (take_over_bus_errors(), true);
  static_cast<void>(taken_over);
  sigjmp_buf here;
  sigjmp_buf* const outer = way_out;
  if (sigsetjmp(here, 0) != 0) {
    way_out = outer;
    return false;
  }
  way_out = &here;
  read(context);
  way_out = outer;
  return true;
}

}  // namespace snaphammer::internal
