// The passes over memory: fresh() takes pages, checks that they are zero and fills them; verify() checks that they still
// hold what was written; wipe() writes zeros to some, which verify() then expects there: to a snapshot, memory that became
// zero while it was in use; give_back() returns them to the kernel. What is wrong goes to a sink, page by page.
//
//   Sweep sweep(memory, seed, sink);
//   sweep.fresh(round, first, count);
//   sweep.verify(round, first, count);
//   sweep.wipe(round, first, count);
//   sweep.give_back(first, count);
//
// A page that is set aside is left alone by all of them, until it is given back by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "guest-workloads/workloads/zero-pages/pattern.h"

namespace snaphammer::zero_pages {

enum class Defect {
  kStalePage,    ///< A page fresh from the kernel is not zero.
  kResurrected,  ///< A page that the host has discarded is not zero.
  kLostWrite,    ///< A page does not hold what was written to it.
};

/// One page that is wrong, from its first wrong byte on.
struct PageFinding {
  static constexpr std::size_t kShown = 32;

  Defect defect = Defect::kStalePage;
  std::uint32_t page = 0;
  std::uint32_t round = 0;
  std::uint64_t address = 0;              ///< Virtual, of the page.
  std::optional<std::uint64_t> physical;  ///< Guest-physical, of the page, where the kernel tells.
  std::size_t offset = 0;                 ///< In the page, of the first wrong byte.
  std::size_t shown = 0;                  ///< Bytes in the two arrays.
  std::uint8_t expected[kShown] = {};
  std::uint8_t read[kShown] = {};
  std::optional<Key> written_by;  ///< When the page holds another write of this program.
};

class FindingSink {
 public:
  virtual ~FindingSink() = default;
  virtual void take(const PageFinding& finding) = 0;
};

/// What a page is to hold that was set aside.
enum class Content {
  kWritten,  ///< What it held.
  kZeros,    ///< The host has discarded it.
};

class Sweep {
 public:
  /// `memory` is page-aligned whole pages. The sink must outlive the sweep.
  Sweep(std::span<std::uint64_t> memory, std::uint64_t seed, FindingSink& sink)
      : memory_(memory), seed_(seed), sink_(sink), states_(memory.size() / kPageWords) {}

  std::size_t pages() const { return memory_.size() / kPageWords; }

  // Each returns how many pages it looked at.
  std::size_t fresh(std::uint32_t round, std::size_t first, std::size_t count);
  std::size_t verify(std::uint32_t round, std::size_t first, std::size_t count);
  /// One page in kWipedEvery, not the same ones in each round; until fresh() fills them again.
  std::size_t wipe(std::uint32_t round, std::size_t first, std::size_t count);

  void give_back(std::size_t first, std::size_t count);

  /// Pages that hold the pattern of the last fresh().
  std::size_t filled_pages() const;
  /// The first such page at `from` or behind it, and behind the last the first; there is one.
  std::size_t next_filled(std::size_t from) const;
  const void* address(std::size_t index) const { return page(index).data(); }
  /// One that is filled.
  void set_aside(std::size_t index) { states_[index].use = Use::kSetAside; }
  /// Ends that: verifies the page, then gives it back.
  void take_back(std::size_t index, Content expected);

  static constexpr std::size_t kWipedEvery = 4;

 private:
  enum class Use : std::uint8_t { kGivenBack, kFilled, kWiped, kSetAside };
  struct PageState {
    Use use = Use::kGivenBack;
    std::uint32_t round = 0;  // In which it was filled.
  };

  Page page(std::size_t index) const { return Page(memory_.data() + index * kPageWords, kPageWords); }
  bool is_own(std::size_t index) const {
    return states_[index].use == Use::kFilled || states_[index].use == Use::kWiped;
  }
  PageFinding finding(Defect defect, std::uint32_t round, std::size_t index, std::size_t offset) const;
  void expect_zeros(std::size_t index, Defect otherwise, std::uint32_t round);
  void expect_written(std::size_t index, std::uint32_t round);

  std::span<std::uint64_t> memory_;
  std::uint64_t seed_;
  FindingSink& sink_;
  std::vector<PageState> states_;  // By page.
};

}  // namespace snaphammer::zero_pages
