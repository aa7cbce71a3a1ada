#include "guest-workloads/workloads/spawn/growth.h"

#include <algorithm>
#include <span>

namespace snaphammer::spawn {

void Growth::add(std::uint64_t value) {
  const std::uint64_t round = seen_++;
  if (round < kWarmUp || round % every_ != 0) return;
  samples_.push_back({round, value});
  if (samples_.size() > kKept) thin_out();
}

void Growth::thin_out() {
  every_ *= 2;
  std::erase_if(samples_, [this](const Sample& sample) { return sample.round % every_ != 0; });
}

std::optional<Trend> Growth::trend() const {
  if (samples_.size() < kLeast) return std::nullopt;
  const std::span<const Sample> all(samples_);
  // Quartiles, so that neither a peak nor a dip decides.
  const auto quantile = [&](std::size_t part, std::size_t quarter) {
    const std::size_t third = all.size() / 3;
    std::vector<std::uint64_t> values;
    for (const Sample& sample : all.subspan(part * third, third)) values.push_back(sample.value);
    std::sort(values.begin(), values.end());
    return values[(values.size() - 1) * quarter / 4];
  };
  if (quantile(1, 1) <= quantile(0, 3) || quantile(2, 1) <= quantile(1, 3)) return std::nullopt;
  if (quantile(2, 1) - quantile(0, 3) <= tolerance_) return std::nullopt;

  double mean_round = 0, mean_value = 0, together = 0, spread = 0;
  for (const Sample& sample : all) {
    mean_round += static_cast<double>(sample.round) / static_cast<double>(all.size());
    mean_value += static_cast<double>(sample.value) / static_cast<double>(all.size());
  }
  for (const Sample& sample : all) {
    const double from_mean = static_cast<double>(sample.round) - mean_round;
    together += from_mean * (static_cast<double>(sample.value) - mean_value);
    spread += from_mean * from_mean;
  }
  return Trend{.per_round = together / spread,
               .rounds = all.back().round - all.front().round + 1,
               .first = all.front().value,
               .last = all.back().value};
}

}  // namespace snaphammer::spawn
