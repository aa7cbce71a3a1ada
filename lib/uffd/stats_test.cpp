#include "lib/uffd/stats.h"

#include <gmock/gmock.h>

namespace snaphammer::uffd {
namespace {

TEST(Stats, EachCounterIsFoundUnderItsName) {
  Counters counters;
  struct Pair {
    Counter Counters::*counter;
    std::uint64_t Stats::*stat;
  };
  const std::vector<Pair> pairs = {{&Counters::faults, &Stats::faults},
                                   {&Counters::removes, &Stats::removes},
                                   {&Counters::unmaps, &Stats::unmaps},
                                   {&Counters::remaps, &Stats::remaps},
                                   {&Counters::forks, &Stats::forks},
                                   {&Counters::removed_pages, &Stats::removed_pages},
                                   {&Counters::eagain, &Stats::eagain},
                                   {&Counters::deferred, &Stats::deferred},
                                   {&Counters::dropped, &Stats::dropped},
                                   {&Counters::already_present, &Stats::already_present},
                                   {&Counters::copied_pages, &Stats::copied_pages},
                                   {&Counters::zero_pages, &Stats::zero_pages},
                                   {&Counters::prefetched_pages, &Stats::prefetched_pages},
                                   {&Counters::read_retries, &Stats::read_retries},
                                   {&Counters::read_failures, &Stats::read_failures},
                                   {&Counters::working_set_hits, &Stats::working_set_hits},
                                   {&Counters::working_set_late, &Stats::working_set_late},
                                   {&Counters::working_set_misses, &Stats::working_set_misses}};
  for (std::size_t i = 0; i < pairs.size(); ++i) (counters.*pairs[i].counter).add(i + 1);
  counters.fault_latency.record(std::chrono::nanoseconds(7));
  const Stats stats = counters.snapshot();
  for (std::size_t i = 0; i < pairs.size(); ++i) EXPECT_EQ(stats.*pairs[i].stat, i + 1) << "number " << i;
  EXPECT_EQ(stats.fault_latency.count, 1u);
  EXPECT_EQ(stats.fault_latency.max, Duration(7));
}

TEST(Stats, HitRatioIsThePartThatWasThereInTime) {
  Stats stats;
  stats.working_set_misses = 1;
  EXPECT_DOUBLE_EQ(stats.working_set_hit_ratio(), 0);
  stats.working_set_late = 1;
  stats.working_set_hits = 6;
  EXPECT_DOUBLE_EQ(stats.working_set_hit_ratio(), 0.75);
}

TEST(Stats, HitRatioIsOneWhenNothingWasNeeded) { EXPECT_DOUBLE_EQ(Stats{}.working_set_hit_ratio(), 1); }

}  // namespace
}  // namespace snaphammer::uffd
