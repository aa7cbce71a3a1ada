// PageTracker: where each page of a guest's memory stands, in two bits a page.
//
//   PageTracker tracker(256_MiB);
//   SNAP_TRY(tracker.apply(PageEvent::kCopied, 0, 2_MiB));
//   if (tracker.state(4096) == PageState::kMissing) ...
//
// Pages are known by their offset in the memory file, in units of 4 KiB whatever the size of the host's pages.
// Any thread may call anything at any time; each page changes atomically, a range page by page. That a decision
// made from a state is still right when it is carried out is the caller's business: see GuestMemory.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"
#include "lib/uffd/page_source.h"

namespace snaphammer::uffd {

enum class PageState : std::uint8_t {
  kMissing,  ///< Never installed, never removed: its content is the source's.
  kPresent,  ///< Installed once: its content is what is in guest RAM.
  kRemoved,  ///< Given up by the guest and not installed since: its content is zeros.
};
std::string_view name_of(PageState state);

enum class PageEvent : std::uint8_t {
  kCopied,     ///< The source's bytes were installed, or found to be there already.
  kZeroed,     ///< Zeros were installed, or a page was found where zeros should go.
  kRemoved,    ///< A REMOVE event named it.
  kForgotten,  ///< A REMOVE event named it and the policy is to forget the page (OnRemove::kIgnore).
};
std::string_view name_of(PageEvent event);

/// The legal transitions. nullopt: source bytes must never reach a page once it was removed.
///
///              kCopied    kZeroed    kRemoved   kForgotten
///   missing    present    present    removed    missing
///   present    present    present    removed    missing
///   removed    (illegal)  present    removed    missing
std::optional<PageState> next_state(PageState state, PageEvent event);

/// Neighbouring pages in one state.
struct StateRun {
  Extent extent;
  PageState state = PageState::kMissing;

  bool operator==(const StateRun&) const = default;
};

class PageTracker {
 public:
  explicit PageTracker(ByteCount memory_size);

  ByteCount memory_size() const { return memory_size_; }
  PageState state(ByteCount offset) const;
  /// Applies `event` to each page of a page-aligned range, ascending. An illegal transition is a kInternal error; its
  /// page keeps its state and the rest of the range, behind it, is left alone.
  Result<void> apply(PageEvent event, ByteCount offset, ByteCount length);
  /// The first run of pages in `state` inside `within`.
  std::optional<Extent> find(PageState state, Extent within) const;
  /// All of the memory, ascending, without gaps.
  std::vector<StateRun> runs() const;
  /// What the tracker itself occupies.
  ByteCount memory_used() const;

 private:
  static constexpr unsigned kPagesPerWord = 32;

  ByteCount memory_size_;
  std::vector<std::atomic<std::uint64_t>> words_;
};

}  // namespace snaphammer::uffd
