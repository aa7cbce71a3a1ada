// Keeps pages of the program where they are in physical memory, so that a physical address that was told to somebody
// stays true.
//
//   PinnedPages pinned;
//   if (!pinned.pin(page_address)) ... errno says why
//   const auto physical = physical_address(page_address);      // the same until release()
//
// mlock() does not do: it keeps pages in memory, and the kernel's compaction moves them there (mlock(2); sysctl
// vm.compact_unevictable_allowed). A page with a reference from elsewhere is not moved: here a pipe holds one, to which
// the page was spliced (vmsplice(2)). Nobody reads the pipe, so no byte of the page is looked at. One thread.
#pragma once

#include <cstddef>
#include <vector>

namespace snaphammer::workload {

class PinnedPages {
 public:
  PinnedPages() = default;
  ~PinnedPages() { release(); }
  PinnedPages(const PinnedPages&) = delete;
  PinnedPages& operator=(const PinnedPages&) = delete;

  /// `page`: the first byte of a page that is in memory and that the program does not unmap while it is pinned.
  bool pin(const void* page);
  /// All of them.
  void release();

 private:
  bool open_pipe();

  std::vector<int> pipes_;  // Both ends of each.
  std::size_t room_ = 0;    // In the last one.
};

}  // namespace snaphammer::workload
