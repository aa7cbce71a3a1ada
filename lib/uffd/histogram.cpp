#include "lib/uffd/histogram.h"

#include <algorithm>
#include <cmath>

namespace snaphammer::uffd {

std::size_t Histogram::bucket_of(std::uint64_t ns) {
  if (ns < (1u << kSubBits)) return ns;
  const unsigned exponent = static_cast<unsigned>(std::bit_width(ns)) - 1 - kSubBits;
  return (static_cast<std::size_t>(exponent) << kSubBits) + (ns >> exponent);
}

std::uint64_t Histogram::upper_end(std::size_t bucket) {
  if (bucket < (2u << kSubBits)) return bucket;
  const std::size_t exponent = (bucket >> kSubBits) - 1;
  const std::uint64_t mantissa = (bucket & ((1u << kSubBits) - 1)) + (1u << kSubBits);
  return ((mantissa + 1) << exponent) - 1;
}

void Histogram::record(Duration latency) {
  const auto ns = static_cast<std::uint64_t>(std::max<Duration::rep>(latency.count(), 0));
  buckets_[bucket_of(ns)].fetch_add(1, std::memory_order_relaxed);
  std::uint64_t max = max_.load(std::memory_order_relaxed);
  while (ns > max && !max_.compare_exchange_weak(max, ns, std::memory_order_relaxed)) {
  }
}

std::uint64_t Histogram::count() const {
  std::uint64_t count = 0;
  for (const auto& bucket : buckets_) count += bucket.load(std::memory_order_relaxed);
  return count;
}

Duration Histogram::quantile(double quantile) const {
  const std::uint64_t total = count();
  const auto rank =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(total))));
  const std::uint64_t max = max_.load(std::memory_order_relaxed);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket].load(std::memory_order_relaxed);
    if (seen >= rank) return Duration(static_cast<Duration::rep>(std::min(upper_end(bucket), max)));
  }
  return Duration(static_cast<Duration::rep>(max));
}

LatencySummary Histogram::summary() const {
  const std::uint64_t total = count();
  if (total == 0) return {};
  return {total, quantile(0.5), quantile(0.99),
          Duration(static_cast<Duration::rep>(max_.load(std::memory_order_relaxed)))};
}

}  // namespace snaphammer::uffd
