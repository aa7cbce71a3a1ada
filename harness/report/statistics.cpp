#include "harness/report/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace snaphammer::report {

double percentile(std::span<const double> samples, double percent) {
  if (samples.empty()) return 0;
  std::vector<double> sorted(samples.begin(), samples.end());
  const double rank = std::ceil(std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(sorted.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(index), sorted.end());
  return sorted[index];
}

double mean(std::span<const double> samples) {
  if (samples.empty()) return 0;
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

double maximum(std::span<const double> samples) {
  return samples.empty() ? 0 : *std::max_element(samples.begin(), samples.end());
}

Interval wilson(std::size_t successes, std::size_t trials) {
  if (trials == 0) return {};
  constexpr double kZ = 1.959963984540054;  // Of 95 %, on both sides of a normal distribution.
  const double n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n;
  const double scale = 1 + kZ * kZ / n;
  const double centre = (share + kZ * kZ / (2 * n)) / scale;
  const double reach = kZ / scale * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  return {.low = successes == 0 ? 0 : std::max(0.0, centre - reach),
          .high = successes == trials ? 1 : std::min(1.0, centre + reach)};
}

}  // namespace snaphammer::report
