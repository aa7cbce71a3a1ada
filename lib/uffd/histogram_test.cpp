#include "lib/uffd/histogram.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace snaphammer::uffd {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr Duration kLongest = Duration::max();

/// What the histogram makes of one value, with a longer one beside it that keeps its maximum out of the way.
Duration as_recorded(Duration value) {
  Histogram histogram;
  histogram.record(value);
  histogram.record(kLongest);
  return histogram.quantile(0.5);
}

testing::AssertionResult is_close_above(Duration reported, Duration exact) {
  if (reported >= exact && reported - exact <= exact / 32) return testing::AssertionSuccess();
  return testing::AssertionFailure() << reported.count() << " ns for " << exact.count() << " ns";
}

TEST(Histogram, EmptyOneIsAllZero) {
  const Histogram histogram;
  const LatencySummary summary = histogram.summary();
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.quantile(0.5), Duration(0));
  EXPECT_EQ(summary.count, 0u);
  EXPECT_EQ(summary.p50, Duration(0));
  EXPECT_EQ(summary.p99, Duration(0));
  EXPECT_EQ(summary.max, Duration(0));
}

TEST(Histogram, IsExactBelow64Nanoseconds) {
  for (int ns = 0; ns < 64; ++ns) EXPECT_EQ(as_recorded(nanoseconds(ns)), nanoseconds(ns));
}

TEST(Histogram, NeverReportsLessNorMoreThanOne32ndAbove) {
  for (int ns = 0; ns < 5000; ++ns) ASSERT_TRUE(is_close_above(as_recorded(nanoseconds(ns)), nanoseconds(ns)));
  for (unsigned bit = 12; bit < 63; ++bit) {
    for (const int beside : {-1, 0, 1}) {
      const nanoseconds value((std::int64_t{1} << bit) + beside);
      ASSERT_TRUE(is_close_above(as_recorded(value), value));
    }
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const nanoseconds value(static_cast<std::int64_t>(random() >> (1 + random() % 50)));
    ASSERT_TRUE(is_close_above(as_recorded(value), value));
  }
}

TEST(Histogram, TheUpperEndOfABucketIsReportedAsItself) {
  for (unsigned bit = 6; bit < 63; ++bit) {
    const nanoseconds end((std::int64_t{1} << bit) - 1);
    EXPECT_EQ(as_recorded(end), end);
  }
}

TEST(Histogram, HoldsTheLongestDurationThereIs) {
  EXPECT_EQ(as_recorded(kLongest), kLongest);
  Histogram histogram;
  histogram.record(kLongest);
  EXPECT_EQ(histogram.summary().max, kLongest);
}

TEST(Histogram, ADurationBelowZeroCountsAsZero) { EXPECT_EQ(as_recorded(nanoseconds(-5)), Duration(0)); }

TEST(Histogram, NoQuantileIsAboveTheLargestValue) {
  Histogram histogram;
  histogram.record(nanoseconds(1'000'001));
  EXPECT_EQ(histogram.quantile(0.01), nanoseconds(1'000'001));
  EXPECT_EQ(histogram.quantile(1), nanoseconds(1'000'001));
}

TEST(Histogram, QuantilesAreThoseOfTheSortedValues) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    std::mt19937_64 random(seed);
    std::lognormal_distribution<double> latency(std::log(20e3), 1.5);
    std::vector<Duration> values;
    Histogram histogram;
    for (int i = 0; i < 1024; ++i) {
      values.emplace_back(static_cast<std::int64_t>(latency(random)));
      histogram.record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (std::size_t rank = 1; rank <= values.size(); ++rank) {
      const double quantile = static_cast<double>(rank) / 1024;  // Exact in binary.
      ASSERT_TRUE(is_close_above(histogram.quantile(quantile), values[rank - 1])) << "rank " << rank;
    }
  }
}

TEST(Histogram, AQuantileBetweenTwoValuesIsTheLaterOne) {
  Histogram histogram;
  for (const int ns : {10, 20, 30}) histogram.record(nanoseconds(ns));
  EXPECT_EQ(histogram.quantile(0.5), nanoseconds(20));
  EXPECT_EQ(histogram.quantile(0.67), nanoseconds(30));
}

TEST(Histogram, SummaryHasMedianTailAndMaximum) {
  Histogram histogram;
  for (int ms = 1; ms <= 1000; ++ms) histogram.record(milliseconds(ms));
  const LatencySummary summary = histogram.summary();
  EXPECT_EQ(summary.count, 1000u);
  EXPECT_TRUE(is_close_above(summary.p50, milliseconds(500)));
  EXPECT_TRUE(is_close_above(summary.p99, milliseconds(990)));
  EXPECT_EQ(summary.max, milliseconds(1000));
}

TEST(Histogram, LosesNothingThatThreadsRecordAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kValues = 50'000;
  Histogram histogram;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&histogram, thread] {
      for (int i = 0; i < kValues; ++i) histogram.record(nanoseconds(i * kThreads + thread));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(histogram.count(), static_cast<std::uint64_t>(kThreads) * kValues);
  EXPECT_EQ(histogram.summary().max, nanoseconds(kThreads * kValues - 1));
  EXPECT_TRUE(is_close_above(histogram.quantile(0.5), nanoseconds(kThreads * kValues / 2 - 1)));
}

TEST(Histogram, OfTwoThatRecordAtOnceTheLongerIsTheMaximum) {
  constexpr int kRounds = 100'000;
  Histogram histogram;
  std::atomic<int> begun = 0;
  std::atomic<int> done = 0;
  const auto await = [](const std::atomic<int>& count, int round) {
    while (count < round) std::this_thread::yield();
  };
  std::thread other([&] {
    for (int round = 1; round <= kRounds; ++round) {
      await(begun, round);
      histogram.record(nanoseconds(2 * round));
      done = round;
    }
  });
  int lost = 0;
  for (int round = 1; round <= kRounds; ++round) {
    begun = round;
    histogram.record(nanoseconds(2 * round + 1));
    await(done, round);
    if (histogram.summary().max != nanoseconds(2 * round + 1)) ++lost;
  }
  other.join();
  EXPECT_EQ(lost, 0);
}

}  // namespace
}  // namespace snaphammer::uffd
