// The lower half of the own allocator: runs of whole pages from one arena.
//
//   PageHeap heap(16 << 20, findings);
//   if (const auto run = heap.take(3)) ... heap.address(run->page) ...; if (run->zero) nothing has to be cleared
//   heap.give_back(run->page, run->pages);
//   heap.trim();
//
// Like the allocators of language runtimes it remembers which free pages the kernel has, and trusts them to be zeros when
// they are taken again: just there a stale page does its damage. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "guest-workloads/workloads/base/memory_map.h"
#include "guest-workloads/workloads/cpp-heap/findings.h"
#include "guest-workloads/workloads/cpp-heap/summary_tree.h"

namespace snaphammer::cpp_heap {

class PageHeap {
 public:
  struct Run {
    std::size_t page = 0;
    std::size_t pages = 0;
    bool zero = false;  ///< As the kernel has just handed them out.
  };

  /// An arena of so many bytes, rounded up. False as a bool when the memory could not be had (errno).
  PageHeap(std::size_t bytes, Findings& findings);
  explicit operator bool() const { return arena_ && structure_; }

  /// Nothing when no run is long enough.
  std::optional<Run> take(std::size_t pages);
  void give_back(std::size_t page, std::size_t pages);

  /// Gives all free pages to the kernel; returns how many it did not have already.
  std::size_t trim();

  /// Reports every summary that is not what the bitmap says. Returns how many it compared.
  std::size_t check();
  bool all_taken(std::size_t page, std::size_t pages) const;
  std::size_t taken() const;

  std::size_t pages() const { return tree_.pages(); }
  std::uint8_t* address(std::size_t page) const;
  std::size_t page_of(const void* address) const;
  /// For who wants to look at it, or damage it, from outside.
  const SummaryTree& tree() const { return tree_; }

 private:
  std::size_t verify();
  /// The bits of free pages that the kernel has; also in structure_.
  std::span<std::uint64_t> zero_bits() const;

  Findings& findings_;
  workload::AnonymousMemory arena_;
  workload::AnonymousMemory structure_;
  mutable std::mutex mutex_;
  SummaryTree tree_;
};

}  // namespace snaphammer::cpp_heap
