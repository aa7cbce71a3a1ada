// Statistics as pure functions over samples, in any order.
#pragma once

#include <span>
#include <vector>

namespace snaphammer::report {

/// The smallest sample that at least `percent` % of all samples do not exceed (nearest rank); 0 of no samples.
double percentile(std::span<const double> samples, double percent);
double mean(std::span<const double> samples);
double maximum(std::span<const double> samples);

}  // namespace snaphammer::report
