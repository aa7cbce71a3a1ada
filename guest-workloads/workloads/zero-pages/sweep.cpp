#include "guest-workloads/workloads/zero-pages/sweep.h"

#include <algorithm>
#include <cstring>

#include "guest-workloads/workloads/base/memory_map.h"

namespace snaphammer::zero_pages {

PageFinding Sweep::finding(Defect defect, std::uint32_t round, std::size_t index, std::size_t offset) const {
  PageFinding result;
  const Page wrong = page(index);
  result.defect = defect;
  result.page = static_cast<std::uint32_t>(index);
  result.round = round;
  result.address = reinterpret_cast<std::uintptr_t>(wrong.data());
  result.physical = workload::physical_address(result.address);
  result.offset = offset;
  result.shown = std::min(PageFinding::kShown, kPageBytes - offset);
  std::memcpy(result.read, reinterpret_cast<const std::uint8_t*>(wrong.data()) + offset, result.shown);
  if (defect == Defect::kLostWrite && states_[index].use != Use::kWiped) {
    expected_bytes({seed_, result.page, round}, offset, std::span(result.expected, result.shown));
  }
  result.written_by = writer_of(wrong, seed_);
  return result;
}

std::size_t Sweep::fresh(std::uint32_t round, std::size_t first, std::size_t count) {
  std::size_t looked_at = 0;
  for (std::size_t i = first; i < first + count; ++i) {
    if (states_[i].use == Use::kSetAside) continue;
    touch(page(i));
    if (!is_fresh(page(i))) sink_.take(finding(Defect::kStalePage, round, i, first_stale(page(i))));
    fill(page(i), {seed_, static_cast<std::uint32_t>(i), round});
    states_[i] = {.use = Use::kFilled, .round = round};
    ++looked_at;
  }
  return looked_at;
}

std::size_t Sweep::verify(std::uint32_t round, std::size_t first, std::size_t count) {
  std::size_t looked_at = 0;
  for (std::size_t i = first; i < first + count; ++i) {
    if (!is_own(i)) continue;
    if (states_[i].use == Use::kWiped) {
      expect_zeros(i, Defect::kLostWrite, round);
    } else {
      expect_written(i, round);
    }
    ++looked_at;
  }
  return looked_at;
}

std::size_t Sweep::wipe(std::uint32_t round, std::size_t first, std::size_t count) {
  std::size_t wiped = 0;
  for (std::size_t i = first; i < first + count; ++i) {
    if ((i + round) % kWipedEvery != 0 || !is_own(i)) continue;
    std::fill(page(i).begin(), page(i).end(), 0);
    states_[i].use = Use::kWiped;
    ++wiped;
  }
  return wiped;
}

void Sweep::give_back(std::size_t first, std::size_t count) {
  const std::size_t end = first + count;
  while (first < end) {
    const auto own_run_ends = [&](std::size_t i) { return i == end || !is_own(i); };
    std::size_t last = first;
    while (!own_run_ends(last)) states_[last++].use = Use::kGivenBack;
    if (last > first) workload::give_back(page(first).data(), (last - first) * kPageBytes);
    first = last + 1;
  }
}

std::size_t Sweep::filled_pages() const {
  const auto filled = [](const PageState& state) { return state.use == Use::kFilled; };
  return static_cast<std::size_t>(std::count_if(states_.begin(), states_.end(), filled));
}

std::size_t Sweep::next_filled(std::size_t from) const {
  while (states_[from].use != Use::kFilled) from = (from + 1) % pages();
  return from;
}

void Sweep::take_back(std::size_t index, Content expected) {
  if (expected == Content::kZeros) {
    expect_zeros(index, Defect::kResurrected, states_[index].round);
  } else {
    expect_written(index, states_[index].round);
  }
  states_[index].use = Use::kFilled;
  give_back(index, 1);
}

// Both make it right, so that one wrong page is one finding.

void Sweep::expect_zeros(std::size_t index, Defect otherwise, std::uint32_t round) {
  const Page checked = page(index);
  const auto first_wrong = std::find_if(checked.begin(), checked.end(), [](std::uint64_t word) { return word != 0; });
  if (first_wrong == checked.end()) return;
  const auto offset = static_cast<std::size_t>(first_wrong - checked.begin()) * sizeof(std::uint64_t);
  sink_.take(finding(otherwise, round, index, offset));
  std::fill(checked.begin(), checked.end(), 0);
}

void Sweep::expect_written(std::size_t index, std::uint32_t round) {
  const Key key{seed_, static_cast<std::uint32_t>(index), round};
  if (holds(page(index), key)) return;
  sink_.take(finding(Defect::kLostWrite, round, index, first_difference(page(index), key)));
  fill(page(index), key);
}

}  // namespace snaphammer::zero_pages
