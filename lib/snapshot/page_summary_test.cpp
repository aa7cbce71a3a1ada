#include "lib/snapshot/page_summary.h"

#include <gtest/gtest.h>

#include "lib/snapshot/testing/guest_ram.h"

namespace snaphammer::snapshot {
namespace {

// `count` pages, of which each third is zeros and each fifth is zeros but for its last byte.
std::vector<std::byte> memory_of(std::size_t count) {
  std::vector<std::byte> memory(count * kPageSize);
  for (std::size_t page = 0; page < count; ++page) {
    std::byte* at = memory.data() + page * kPageSize;
    if (page % 5 == 0) {
      at[kPageSize - 1] = std::byte{1};
    } else if (page % 3 != 0) {
      std::ranges::copy(page_of(page), at);
    }
  }
  return memory;
}

TEST(PageSummary, IsThatOfEachPageHoweverManyThreadsTakeIt) {
  for (const std::size_t count : {0, 1, 255, 512, 513, 1025, 2047}) {
    const std::vector<std::byte> memory = memory_of(count);
    std::vector<PageSummary> summaries(7, PageSummary{.zeros = false});  // Left over from an earlier use.
    summarize(memory, summaries);
    ASSERT_EQ(summaries.size(), count);
    for (std::size_t page = 0; page < count; ++page) {
      const bool zeros = page % 5 != 0 && page % 3 == 0;
      const auto bytes = std::span(memory).subspan(page * kPageSize, kPageSize);
      const PageSummary expected{.zeros = zeros, .checksum = zeros ? Checksum() : checksum_of(bytes)};
      ASSERT_EQ(summaries[page], expected) << "page " << page << " of " << count;
    }
  }
}

}  // namespace
}  // namespace snaphammer::snapshot
