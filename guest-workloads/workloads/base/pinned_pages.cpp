#include "guest-workloads/workloads/base/pinned_pages.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::workload {
namespace {

constexpr std::size_t kPagesOfPipe = 16;  // pipe(7): a pipe's capacity when nobody changes it.

}  // namespace

bool PinnedPages::pin(const void* page) {
  if (room_ == 0 && !open_pipe()) return false;
  const iovec one{.iov_base = const_cast<void*>(page), .iov_len = kPageBytes};
  if (::vmsplice(pipes_.back(), &one, 1, SPLICE_F_NONBLOCK) != static_cast<ssize_t>(kPageBytes)) return false;
  --room_;
  return true;
}

bool PinnedPages::open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  pipes_.insert(pipes_.end(), {ends[0], ends[1]});
  room_ = kPagesOfPipe;
  return true;
}

void PinnedPages::release() {
  for (const int end : pipes_) ::close(end);
  pipes_.clear();
  room_ = 0;
}

}  // namespace snaphammer::workload
