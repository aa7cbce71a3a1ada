// Whether a series of samples, one per cycle, grows steadily: what a leak looks like. Pure functions.
//
//   if (const auto growth = steady_growth(descriptors, 5)) ... growth->per_cycle ...
//
// What is not a leak: noise around a value, one step up (something was loaded, and stays), growth that levels off (a cache
// that fills, a heap that warms up).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace snaphammer::oracles {

/// Fewer samples say nothing.
inline constexpr std::size_t kFewestSamples = 8;

struct Growth {
  double per_cycle = 0;  ///< The median of the slopes between all pairs of samples (Theil and Sen's estimator).
  double total = 0;      ///< per_cycle over the whole series.
};

/// Growth that goes on over the whole of `samples` and comes to at least `least`; nothing otherwise, or when there are
/// fewer than kFewestSamples. On the whole series, a later sample is larger in nearly all pairs (Kendall's tau of 0.8,
/// ties counted as not); and its second half has at least a quarter of the growth.
std::optional<Growth> steady_growth(const std::vector<double>& samples, double least);

}  // namespace snaphammer::oracles
