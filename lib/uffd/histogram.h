// Histogram: latencies in buckets that are at most 1/32 wide, recorded by any thread without a lock.
//
//   histogram.record(elapsed);
//   const LatencySummary summary = histogram.summary();
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "lib/base/units.h"

namespace snaphammer::uffd {

/// All zero when nothing was recorded.
struct LatencySummary {
  std::uint64_t count = 0;
  Duration p50{};
  Duration p99{};
  Duration max{};
};

class Histogram {
 public:
  void record(Duration latency);

  std::uint64_t count() const;
  /// The upper end of the bucket that holds the value at `quantile` (0 to 1], never above the largest recorded.
  Duration quantile(double quantile) const;
  LatencySummary summary() const;

 private:
  // Below 32 ns one bucket a nanosecond; above, 32 buckets for each power of two.
  static constexpr unsigned kSubBits = 5;
  static constexpr std::size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  static std::size_t bucket_of(std::uint64_t ns);
  static std::uint64_t upper_end(std::size_t bucket);

  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
  std::atomic<std::uint64_t> max_ = 0;
};

}  // namespace snaphammer::uffd
