// Which pages are taken, and where a run of free ones is: a bitmap, and above it a tree of summaries, as in the page
// allocator of Go's runtime (go/src/runtime/mpagealloc.go). A summary says of its pages how many are free at the
// start, at the end, and in the longest run; an entry summarizes eight of the level below.
//
//   SummaryTree tree(memory, pages);            // memory: zeroed, words_for(pages) of it; all pages free
//   if (const auto page = tree.find(3)) tree.set(*page, 3, true);
//   tree.verify([](const SummaryTree::Contradiction& wrong) { ... });
//
// The state is in the memory that it is given, and nowhere else. Not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace snaphammer::cpp_heap {

/// Packed in one word of the tree.
struct Summary {
  std::uint32_t start = 0;
  std::uint32_t most = 0;
  std::uint32_t end = 0;

  static constexpr std::uint64_t kMax = (1 << 21) - 1;

  static Summary unpack(std::uint64_t word);
  std::uint64_t pack() const;
  /// "start 3, most 10, end 0"
  std::string describe() const;
};

class SummaryTree {
 public:
  static constexpr std::size_t kLeafPages = 64;  ///< One word of the bitmap.
  static constexpr std::size_t kFan = 8;

  /// Words of memory. `pages`: a multiple of kLeafPages, at most Summary::kMax.
  static std::size_t words_for(std::size_t pages);

  SummaryTree(std::span<std::uint64_t> memory, std::size_t pages);

  std::size_t pages() const { return pages_; }

  /// The longest run of free pages, as the root says.
  std::size_t longest() const { return summary(levels_ - 1, 0).most; }
  /// The first page of the first run of so many free pages, as the summaries say; nothing when there is none, or when
  /// they contradict the bitmap.
  std::optional<std::size_t> find(std::size_t count) const;

  /// What the bitmap says: all of these pages are taken, or all are free.
  bool all_are(std::size_t first, std::size_t count, bool taken) const;
  std::size_t taken() const;
  /// Changes the bitmap, and then every summary above. Never inlined: a place to freeze a guest in.
  void set(std::size_t first, std::size_t count, bool taken);

  /// A summary that is not what the level below it says.
  struct Contradiction {
    std::size_t level;  ///< 0 is right above the bitmap.
    std::size_t entry;
    std::uintptr_t address;
    Summary expected;
    Summary read;
  };
  /// Compares all summaries with the bitmap, and repairs those that are wrong, so that each is told once. Returns how
  /// many it looked at.
  std::size_t verify(const std::function<void(const Contradiction&)>& tell);

  /// Where the summaries of a level are.
  std::span<std::uint64_t> level(std::size_t level) const { return summaries_[level]; }
  std::span<std::uint64_t> bitmap() const { return bitmap_; }

 private:
  static constexpr std::size_t kMostLevels = 6;  // 64 * 8^5 pages is Summary::kMax + 1.

  Summary summary(std::size_t level, std::size_t entry) const { return Summary::unpack(summaries_[level][entry]); }
  std::size_t entry_pages(std::size_t level) const { return kLeafPages << (3 * level); }
  std::size_t pages_of(std::size_t level, std::size_t entry) const;
  /// From the level below, or for level 0 from the bitmap.
  Summary compute(std::size_t level, std::size_t entry) const;
  std::optional<std::size_t> find_in(std::size_t level, std::size_t entry, std::size_t count) const;

  std::size_t pages_;
  std::size_t levels_ = 0;
  std::span<std::uint64_t> bitmap_;
  std::array<std::span<std::uint64_t>, kMostLevels> summaries_;
};

/// Calls `with_word(index, mask)` for each word of a bitmap that holds some of these bits.
template <class WithWord>
void for_each_word(std::size_t first, std::size_t count, WithWord with_word) {
  const std::size_t end = first + count;
  while (first < end) {
    const std::size_t bit = first % 64;
    const std::size_t here = std::min<std::size_t>(64 - bit, end - first);
    const std::uint64_t ones = here == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1;
    with_word(first / 64, ones << bit);
    first += here;
  }
}

}  // namespace snaphammer::cpp_heap
