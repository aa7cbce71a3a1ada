#include "lib/uffd/page_tracker.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace snaphammer::uffd {
namespace {

constexpr std::uint64_t kStateBits = 2;
constexpr std::uint64_t kStateMask = 3;

PageState state_in(std::uint64_t word, unsigned index) {
  return static_cast<PageState>((word >> (index * kStateBits)) & kStateMask);
}

std::uint64_t with_state(std::uint64_t word, unsigned index, PageState state) {
  const std::uint64_t shift = index * kStateBits;
  return (word & ~(kStateMask << shift)) | (static_cast<std::uint64_t>(state) << shift);
}

}  // namespace

std::string_view name_of(PageState state) {
  switch (state) {
    case PageState::kMissing:
      return "missing";
    case PageState::kPresent:
      return "present";
    case PageState::kRemoved:
      return "removed";
  }
  return "?";
}

std::string_view name_of(PageEvent event) {
  switch (event) {
    case PageEvent::kCopied:
      return "copied";
    case PageEvent::kZeroed:
      return "zeroed";
    case PageEvent::kRemoved:
      return "removed";
    case PageEvent::kForgotten:
      return "forgotten";
  }
  return "?";
}

std::optional<PageState> next_state(PageState state, PageEvent event) {
  switch (event) {
    case PageEvent::kCopied:
      if (state == PageState::kRemoved) return std::nullopt;
      return PageState::kPresent;
    case PageEvent::kZeroed:
      return PageState::kPresent;
    case PageEvent::kRemoved:
      return PageState::kRemoved;
    case PageEvent::kForgotten:
      return PageState::kMissing;
  }
  return std::nullopt;
}

PageTracker::PageTracker(ByteCount memory_size)
    : memory_size_(memory_size), words_((memory_size / kPageSize + kPagesPerWord - 1) / kPagesPerWord) {}

PageState PageTracker::state(ByteCount offset) const {
  const std::uint64_t page = offset / kPageSize;
  return state_in(words_[page / kPagesPerWord].load(std::memory_order_acquire), page % kPagesPerWord);
}

Result<void> PageTracker::apply(PageEvent event, ByteCount offset, ByteCount length) {
  std::uint64_t page = offset / kPageSize;
  const std::uint64_t end = (offset + length) / kPageSize;
  while (page < end) {
    std::atomic<std::uint64_t>& word = words_[page / kPagesPerWord];
    const auto first = static_cast<unsigned>(page % kPagesPerWord);
    const auto last = static_cast<unsigned>(std::min<std::uint64_t>(kPagesPerWord, first + (end - page)));
    unsigned index = first;  // Of the first page that keeps its state, if one has to.
    std::uint64_t before = word.load(std::memory_order_relaxed);
    std::uint64_t after = 0;
    do {
      after = before;
      for (index = first; index < last; ++index) {
        const std::optional<PageState> next = next_state(state_in(before, index), event);
        if (!next) break;
        after = with_state(after, index, *next);
      }
    } while (!word.compare_exchange_weak(before, after, std::memory_order_acq_rel, std::memory_order_relaxed));
    if (index < last) {
      return Error(ErrorKind::kInternal, fmt::format("page {:#x}: {} while {}", (page - first + index) * kPageSize,
                                                     name_of(event), name_of(state_in(before, index))));
    }
    page += last - first;
  }
  return {};
}

std::optional<Extent> PageTracker::find(PageState state, Extent within) const {
  const std::uint64_t end = within.end() / kPageSize;
  const auto matches = [&](std::uint64_t page) { return this->state(page * kPageSize) == state; };
  std::uint64_t first = within.offset / kPageSize;
  while (first < end && !matches(first)) ++first;
  if (first >= end) return std::nullopt;
  std::uint64_t last = first + 1;
  while (last < end && matches(last)) ++last;
  return Extent{first * kPageSize, (last - first) * kPageSize};
}

std::vector<StateRun> PageTracker::runs() const {
  std::vector<StateRun> runs;
  for (ByteCount offset = 0; offset < memory_size_; offset += kPageSize) {
    const PageState now = state(offset);
    if (runs.empty() || runs.back().state != now) runs.push_back({{offset, 0}, now});
    runs.back().extent.length += kPageSize;
  }
  return runs;
}

ByteCount PageTracker::memory_used() const { return words_.size() * sizeof(words_[0]); }

}  // namespace snaphammer::uffd
