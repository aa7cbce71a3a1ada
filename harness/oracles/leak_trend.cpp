#include "harness/oracles/leak_trend.h"

#include <algorithm>

namespace snaphammer::oracles {
namespace {

constexpr double kLeastTau = 0.8;
constexpr double kLeastShareOfSecondHalf = 0.25;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 != 0) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// Over all pairs of samples: how the later one is to the earlier one.
struct Pairs {
  std::vector<double> slopes;
  double larger = 0;
  double smaller = 0;

  double tau() const { return (larger - smaller) / static_cast<double>(slopes.size()); }
};

Pairs pairs_of(const std::vector<double>& samples) {
  Pairs pairs;
  for (std::size_t later = 1; later < samples.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      const double difference = samples[later] - samples[earlier];
      pairs.slopes.push_back(difference / static_cast<double>(later - earlier));
      pairs.larger += difference > 0 ? 1 : 0;
      pairs.smaller += difference < 0 ? 1 : 0;
    }
  }
  return pairs;
}

}  // namespace

std::optional<Growth> steady_growth(const std::vector<double>& samples, double least) {
  if (samples.size() < kFewestSamples) return std::nullopt;
  const Pairs pairs = pairs_of(samples);
  Growth growth;
  growth.per_cycle = median(pairs.slopes);
  growth.total = growth.per_cycle * static_cast<double>(samples.size() - 1);
  if (growth.total < least || pairs.tau() < kLeastTau) return std::nullopt;
  const double in_second_half = samples.back() - samples[samples.size() / 2];
  if (in_second_half < kLeastShareOfSecondHalf * (samples.back() - samples.front())) return std::nullopt;
  return growth;
}

}  // namespace snaphammer::oracles
