#include "guest-workloads/workloads/base/output.h"

#include <cerrno>
#include <cstdlib>

namespace snaphammer::workload {
namespace {

constexpr std::size_t kFlushAt = 32 * 1024;

}  // namespace

void Output::write(std::string_view line) {
  waiting_ += line;
  if (waiting_.size() >= kFlushAt) flush();
}

void Output::flush() {
  std::size_t done = 0;
  while (done < waiting_.size()) {
    const ssize_t n = ::write(descriptor_, waiting_.data() + done, waiting_.size() - done);
    if (n < 0 && errno != EINTR) std::_Exit(1);  // Without destructors: other threads are still at work.
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  waiting_.clear();
}

}  // namespace snaphammer::workload
