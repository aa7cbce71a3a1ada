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
  if (defect == Defect::kLostWrite && !wiped_[index]) {
    expected_bytes({seed_, result.page, round}, offset, std::span(result.expected, result.shown));
  }
  result.written_by = writer_of(wrong, seed_);
  return result;
}

void Sweep::fresh(std::uint32_t round, std::size_t first, std::size_t count) {
  for (std::size_t i = first; i < first + count; ++i) {
    touch(page(i));
    if (!is_fresh(page(i))) sink_.take(finding(Defect::kStalePage, round, i, first_stale(page(i))));
    fill(page(i), {seed_, static_cast<std::uint32_t>(i), round});
    wiped_[i] = false;
  }
}

void Sweep::verify(std::uint32_t round, std::size_t first, std::size_t count) {
  for (std::size_t i = first; i < first + count; ++i) {
    const Page checked = page(i);
    if (wiped_[i]) {
      const auto first_wrong =
          std::find_if(checked.begin(), checked.end(), [](std::uint64_t word) { return word != 0; });
      if (first_wrong == checked.end()) continue;
      const auto offset = static_cast<std::size_t>(first_wrong - checked.begin()) * sizeof(std::uint64_t);
      sink_.take(finding(Defect::kLostWrite, round, i, offset));
      std::fill(checked.begin(), checked.end(), 0);
      continue;
    }
    const Key key{seed_, static_cast<std::uint32_t>(i), round};
    if (holds(page(i), key)) continue;
    sink_.take(finding(Defect::kLostWrite, round, i, first_difference(page(i), key)));
    fill(page(i), key);  // So that one lost write is one finding.
  }
}

void Sweep::wipe(std::uint32_t round, std::size_t first, std::size_t count) {
  for (std::size_t i = first; i < first + count; ++i) {
    if ((i + round) % kWipedEvery != 0) continue;
    const Page wiped = page(i);
    std::fill(wiped.begin(), wiped.end(), 0);
    wiped_[i] = true;
  }
}

}  // namespace snaphammer::zero_pages
