// Statistics as pure functions over samples, in any order.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace snaphammer::report {

/// The smallest sample that at least `percent` % of all samples do not exceed (nearest rank); 0 of no samples.
double percentile(std::span<const double> samples, double percent);
double mean(std::span<const double> samples);
double maximum(std::span<const double> samples);

/// From 0 to 1, both ends included.
struct Interval {
  double low = 0;
  double high = 1;
};
/// Where the true share lies with 95 % confidence when `successes` of `trials` were seen; everything for no trials. (Wilson's
/// score interval: Wilson, Journal of the American Statistical Association 22, 1927.)
Interval wilson(std::size_t successes, std::size_t trials);

}  // namespace snaphammer::report
