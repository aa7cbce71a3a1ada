// The passes over memory: fresh() takes pages, checks that they are zero and fills them; verify() checks that they still
// hold what was written; wipe() writes zeros to some, which verify() then expects there: to a snapshot, memory that became
// zero while it was in use. What is wrong goes to a sink, page by page.
//
//   Sweep sweep(memory, seed, sink);
//   sweep.fresh(round, first, count);
//   sweep.verify(round, first, count);
//   sweep.wipe(round, first, count);
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "guest-workloads/workloads/zero-pages/pattern.h"

namespace snaphammer::zero_pages {

enum class Defect {
  kStalePage,  ///< A page fresh from the kernel is not zero.
  kLostWrite,  ///< A page does not hold what was written to it.
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

class Sweep {
 public:
  /// `memory` is page-aligned whole pages. The sink must outlive the sweep.
  Sweep(std::span<std::uint64_t> memory, std::uint64_t seed, FindingSink& sink)
      : memory_(memory), seed_(seed), sink_(sink), wiped_(memory.size() / kPageWords) {}

  std::size_t pages() const { return memory_.size() / kPageWords; }

  void fresh(std::uint32_t round, std::size_t first, std::size_t count);
  void verify(std::uint32_t round, std::size_t first, std::size_t count);
  /// One page in kWipedEvery, not the same ones in each round; until fresh() fills them again.
  void wipe(std::uint32_t round, std::size_t first, std::size_t count);

  static constexpr std::size_t kWipedEvery = 4;

 private:
  Page page(std::size_t index) const { return Page(memory_.data() + index * kPageWords, kPageWords); }
  PageFinding finding(Defect defect, std::uint32_t round, std::size_t index, std::size_t offset) const;

  std::span<std::uint64_t> memory_;
  std::uint64_t seed_;
  FindingSink& sink_;
  std::vector<bool> wiped_;  // By page.
};

}  // namespace snaphammer::zero_pages
