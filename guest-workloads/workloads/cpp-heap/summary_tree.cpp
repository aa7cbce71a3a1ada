#include "guest-workloads/workloads/cpp-heap/summary_tree.h"

#include <bit>

namespace snaphammer::cpp_heap {
namespace {

constexpr unsigned kBits = 21;

/// A run of free pages that may go on from one child to the next.
class Merge {
 public:
  void add(const Summary& part, std::size_t pages) {
    if (result_.start == covered_) result_.start += part.start;
    result_.most = std::max({result_.most, result_.end + part.start, part.most});
    result_.end = part.end == pages ? result_.end + part.end : part.end;
    covered_ += static_cast<std::uint32_t>(pages);
  }
  const Summary& result() const { return result_; }

 private:
  Summary result_;
  std::uint32_t covered_ = 0;
};

Summary summarize(std::uint64_t taken) {
  Summary summary;
  summary.start = static_cast<std::uint32_t>(std::countr_zero(taken));
  summary.end = static_cast<std::uint32_t>(std::countl_zero(taken));
  for (std::uint64_t runs = ~taken; runs != 0; runs &= runs << 1) ++summary.most;
  return summary;
}

/// The first bit of `count` (1 to 64) zero bits in a row.
std::optional<std::size_t> find_zeros(std::uint64_t taken, std::size_t count) {
  std::uint64_t starts = ~taken;
  for (std::size_t i = 1; i < count; ++i) starts &= starts >> 1;
  if (starts == 0) return std::nullopt;
  return static_cast<std::size_t>(std::countr_zero(starts));
}

}  // namespace

Summary Summary::unpack(std::uint64_t word) {
  return {static_cast<std::uint32_t>(word & kMax), static_cast<std::uint32_t>(word >> kBits & kMax),
          static_cast<std::uint32_t>(word >> 2 * kBits & kMax)};
}

std::uint64_t Summary::pack() const {
  return std::uint64_t{start} | std::uint64_t{most} << kBits | std::uint64_t{end} << 2 * kBits;
}

std::string Summary::describe() const {
  return "start " + std::to_string(start) + ", most " + std::to_string(most) + ", end " + std::to_string(end);
}

std::size_t SummaryTree::words_for(std::size_t pages) {
  std::size_t entries = pages / kLeafPages;
  std::size_t words = 2 * entries;  // The bitmap and level 0.
  while (entries > 1) {
    entries = (entries + kFan - 1) / kFan;
    words += entries;
  }
  return words;
}

SummaryTree::SummaryTree(std::span<std::uint64_t> memory, std::size_t pages) : pages_(pages) {
  std::size_t entries = pages / kLeafPages;
  bitmap_ = memory.first(entries);
  memory = memory.subspan(entries);
  do {
    if (levels_ > 0) entries = (entries + kFan - 1) / kFan;
    summaries_[levels_] = memory.first(entries);
    memory = memory.subspan(entries);
    for (std::size_t entry = 0; entry < entries; ++entry) summaries_[levels_][entry] = compute(levels_, entry).pack();
    ++levels_;
  } while (entries > 1);
}

std::size_t SummaryTree::pages_of(std::size_t level, std::size_t entry) const {
  return std::min(entry_pages(level), pages_ - entry * entry_pages(level));
}

Summary SummaryTree::compute(std::size_t level, std::size_t entry) const {
  if (level == 0) return summarize(bitmap_[entry]);
  Merge merge;
  const std::size_t end = std::min((entry + 1) * kFan, summaries_[level - 1].size());
  for (std::size_t child = entry * kFan; child < end; ++child) {
    merge.add(summary(level - 1, child), pages_of(level - 1, child));
  }
  return merge.result();
}

std::optional<std::size_t> SummaryTree::find(std::size_t count) const {
  if (count == 0 || longest() < count) return std::nullopt;
  return find_in(levels_ - 1, 0, count);
}

std::optional<std::size_t> SummaryTree::find_in(std::size_t level, std::size_t entry, std::size_t count) const {
  if (level == 0) {
    const auto bit = count <= kLeafPages ? find_zeros(bitmap_[entry], count) : std::nullopt;
    if (!bit) return std::nullopt;
    return entry * kLeafPages + *bit;
  }
  // A run that goes over the border of children comes before any that is inside of the child where it ends.
  std::size_t run = 0;
  const std::size_t end = std::min((entry + 1) * kFan, summaries_[level - 1].size());
  for (std::size_t child = entry * kFan; child < end; ++child) {
    const Summary part = summary(level - 1, child);
    const std::size_t first = child * entry_pages(level - 1);
    if (run + part.start >= count) return first - run;
    if (part.most >= count) return find_in(level - 1, child, count);
    const std::size_t pages = pages_of(level - 1, child);
    run = part.end == pages ? run + pages : part.end;
  }
  return std::nullopt;
}

bool SummaryTree::all_are(std::size_t first, std::size_t count, bool taken) const {
  if (first > pages_ || count > pages_ - first) return false;
  bool all = true;
  for_each_word(first, count,
                [&](std::size_t word, std::uint64_t mask) { all &= (bitmap_[word] & mask) == (taken ? mask : 0); });
  return all;
}

std::size_t SummaryTree::taken() const {
  std::size_t count = 0;
  for (const std::uint64_t word : bitmap_) count += static_cast<std::size_t>(std::popcount(word));
  return count;
}

[[gnu::noinline]] void SummaryTree::set(std::size_t first, std::size_t count, bool taken) {
  for_each_word(first, count, [&](std::size_t word, std::uint64_t mask) {
    bitmap_[word] = taken ? bitmap_[word] | mask : bitmap_[word] & ~mask;
  });
  std::size_t from = first / kLeafPages;
  std::size_t to = (first + count - 1) / kLeafPages;
  for (std::size_t level = 0; level < levels_; ++level) {
    for (std::size_t entry = from; entry <= to; ++entry) summaries_[level][entry] = compute(level, entry).pack();
    from /= kFan;
    to /= kFan;
  }
}

std::size_t SummaryTree::verify(const std::function<void(const Contradiction&)>& tell) {
  std::size_t seen = 0;
  for (std::size_t level = 0; level < levels_; ++level) {
    for (std::size_t entry = 0; entry < summaries_[level].size(); ++entry, ++seen) {
      std::uint64_t& word = summaries_[level][entry];
      const Summary expected = compute(level, entry);
      if (word == expected.pack()) continue;
      tell({level, entry, reinterpret_cast<std::uintptr_t>(&word), expected, Summary::unpack(word)});
      word = expected.pack();
    }
  }
  return seen;
}

}  // namespace snaphammer::cpp_heap
