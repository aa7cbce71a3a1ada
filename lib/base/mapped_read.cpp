#include "lib/base/mapped_read.h"

#include <csetjmp>
#include <csignal>

namespace snaphammer::internal {
namespace {

// Where this thread's read_mapped() goes on after a SIGBUS; null outside of one.
thread_local sigjmp_buf* volatile way_out = nullptr;
struct sigaction before {};

void on_bus_error(int) {
  if (way_out != nullptr) siglongjmp(*way_out, 1);
  ::sigaction(SIGBUS, &before, nullptr);  // The access is repeated on return, and meets what would have met it.
}

void take_over_bus_errors() {
  struct sigaction action {};
  action.sa_handler = on_bus_error;
  action.sa_flags = SA_NODEFER;  // The handler is left by a jump that keeps the signal mask, for speed.
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
