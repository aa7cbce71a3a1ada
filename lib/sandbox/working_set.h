// A working set as the page server knows it, extents in the order of their first touch, and as a snapshot keeps it, pages.
#pragma once

#include <vector>

#include "lib/base/units.h"
#include "lib/uffd/page_source.h"

namespace snaphammer::sandbox {

inline std::vector<ByteCount> pages_of(const std::vector<uffd::Extent>& working_set) {
  std::vector<ByteCount> pages;
  for (const uffd::Extent& extent : working_set) {
    for (ByteCount page = extent.offset; page < extent.end(); page += kPageSize) pages.push_back(page);
  }
  return pages;
}

inline std::vector<uffd::Extent> extents_of(const std::vector<ByteCount>& pages) {
  std::vector<uffd::Extent> working_set;
  for (const ByteCount page : pages) working_set.push_back({page, kPageSize});
  return working_set;
}

}  // namespace snaphammer::sandbox
