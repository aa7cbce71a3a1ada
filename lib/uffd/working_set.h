// WorkingSet: the pages of the snapshot that a restored guest asked for, in order of first touch.
//
//   WorkingSet set(memory_size, {});            // or what an earlier restore recorded: those pages are foreseen
//   set.touched(offset, length);                // on any thread, as pages are copied on demand
//   std::vector<Extent> to_store = set.record();
//
// Thread-safe. Takes four bytes for each page touched and one bit for each page of the guest when some are foreseen.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "lib/base/units.h"
#include "lib/uffd/page_source.h"

namespace snaphammer::uffd {

class WorkingSet {
 public:
  /// `foreseen` may come from a file: what is not page-aligned inside the memory is left out.
  WorkingSet(ByteCount memory_size, std::vector<Extent> foreseen);

  const std::vector<Extent>& foreseen() const { return foreseen_; }
  bool is_foreseen(ByteCount offset) const;
  /// A page that is in the set already, because it was foreseen, is not recorded twice.
  void touched(ByteCount offset, ByteCount length);
  /// What was foreseen and what came in addition, neighbours that follow each other merged.
  std::vector<Extent> record() const;

 private:
  std::vector<Extent> foreseen_;
  std::vector<bool> is_foreseen_;  // By page; empty when nothing is foreseen.
  mutable std::mutex mutex_;
  std::vector<std::uint32_t> touched_;  // Page numbers.
};

}  // namespace snaphammer::uffd
