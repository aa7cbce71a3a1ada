#include "lib/uffd/working_set.h"

#include <barrier>
#include <thread>

#include <gmock/gmock.h>

namespace snaphammer::uffd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ByteCount kSetMemory = 1_MiB;

TEST(WorkingSet, IsEmptyWhenNothingWasTouched) { EXPECT_THAT(WorkingSet(kSetMemory, {}).record(), IsEmpty()); }

TEST(WorkingSet, KeepsTheOrderOfFirstTouch) {
  WorkingSet set(kSetMemory, {});
  set.touched(64_KiB, 4_KiB);
  set.touched(8_KiB, 4_KiB);
  set.touched(32_KiB, 4_KiB);
  EXPECT_THAT(set.record(), ElementsAre(Extent{64_KiB, 4_KiB}, Extent{8_KiB, 4_KiB}, Extent{32_KiB, 4_KiB}));
}

TEST(WorkingSet, MergesNeighboursThatFollowEachOther) {
  WorkingSet set(kSetMemory, {});
  set.touched(8_KiB, 4_KiB);
  set.touched(12_KiB, 4_KiB);
  set.touched(16_KiB, 4_KiB);
  EXPECT_THAT(set.record(), ElementsAre(Extent{8_KiB, 12_KiB}));
}

TEST(WorkingSet, LeavesNeighboursApartThatCameInAnotherOrder) {
  WorkingSet set(kSetMemory, {});
  set.touched(12_KiB, 4_KiB);
  set.touched(8_KiB, 4_KiB);
  EXPECT_THAT(set.record(), ElementsAre(Extent{12_KiB, 4_KiB}, Extent{8_KiB, 4_KiB}));
}

TEST(WorkingSet, RecordsAHugePageAsOneRange) {
  WorkingSet set(8_MiB, {});
  set.touched(4_MiB, 2_MiB);
  set.touched(0, 2_MiB);
  EXPECT_THAT(set.record(), ElementsAre(Extent{4_MiB, 2_MiB}, Extent{0, 2_MiB}));
}

TEST(WorkingSet, HoldsTheLastPageOfALargeMemory) {
  constexpr ByteCount kLarge = ByteCount{8} << 40;  // 8 TiB: offsets of 43 bits.
  WorkingSet set(kLarge, {});
  set.touched(kLarge - 4_KiB, 4_KiB);
  EXPECT_THAT(set.record(), ElementsAre(Extent{kLarge - 4_KiB, 4_KiB}));
}

TEST(WorkingSet, WhatWasForeseenComesFirst) {
  WorkingSet set(kSetMemory, {{512_KiB, 8_KiB}, {0, 4_KiB}});
  set.touched(256_KiB, 4_KiB);
  EXPECT_THAT(set.record(), ElementsAre(Extent{512_KiB, 8_KiB}, Extent{0, 4_KiB}, Extent{256_KiB, 4_KiB}));
}

TEST(WorkingSet, AForeseenPageIsNotRecordedTwice) {
  WorkingSet set(kSetMemory, {{512_KiB, 8_KiB}});
  set.touched(516_KiB, 4_KiB);
  EXPECT_THAT(set.record(), ElementsAre(Extent{512_KiB, 8_KiB}));
}

TEST(WorkingSet, OfARangePartlyForeseenTheRestIsRecorded) {
  WorkingSet set(kSetMemory, {{512_KiB, 8_KiB}});
  set.touched(508_KiB, 16_KiB);
  EXPECT_THAT(set.record(), ElementsAre(Extent{512_KiB, 8_KiB}, Extent{508_KiB, 4_KiB}, Extent{520_KiB, 4_KiB}));
}

TEST(WorkingSet, KnowsWhichPagesWereForeseen) {
  WorkingSet set(kSetMemory, {{512_KiB, 8_KiB}, {kSetMemory - 4_KiB, 4_KiB}});
  EXPECT_FALSE(set.is_foreseen(508_KiB));
  EXPECT_TRUE(set.is_foreseen(512_KiB));
  EXPECT_TRUE(set.is_foreseen(516_KiB));
  EXPECT_FALSE(set.is_foreseen(520_KiB));
  EXPECT_TRUE(set.is_foreseen(kSetMemory - 4_KiB));
  set.touched(0, 4_KiB);
  EXPECT_FALSE(set.is_foreseen(0)) << "touched is not foreseen";
}

TEST(WorkingSet, ForeseesNothingWithoutARecord) {
  const WorkingSet set(kSetMemory, {});
  EXPECT_FALSE(set.is_foreseen(0));
  EXPECT_FALSE(set.is_foreseen(kSetMemory - 4_KiB));
  EXPECT_THAT(set.foreseen(), IsEmpty());
}

TEST(WorkingSet, LeavesOutWhatAFileHasNoRightToForesee) {
  const std::vector<Extent> wrong = {
      {1, 4_KiB},                              // Not at a page.
      {4_KiB, 100},                            // Not whole pages.
      {4_KiB, 0},                              // Nothing.
      {kSetMemory, 4_KiB},                     // Outside.
      {kSetMemory - 4_KiB, 8_KiB},             // Reaches outside.
      {~ByteCount{0} - 4_KiB + 1, 8_KiB},      // Wraps around.
      {4_KiB, ~ByteCount{0} / 4_KiB * 4_KiB},  // The same by its length.
  };
  for (const Extent& extent : wrong) {
    const WorkingSet set(kSetMemory, {extent, {8_KiB, 4_KiB}});
    EXPECT_THAT(set.foreseen(), ElementsAre(Extent{8_KiB, 4_KiB})) << extent.offset << "+" << extent.length;
    EXPECT_FALSE(set.is_foreseen(4_KiB));
  }
}

TEST(WorkingSet, LosesNothingThatThreadsTouchAtOnce) {
  constexpr ByteCount kThreads = 4;
  constexpr ByteCount kEach = 50'000;
  constexpr ByteCount kSize = kThreads * kEach * kPageSize;
  WorkingSet set(kSize, {});
  std::barrier together(kThreads);
  std::vector<std::thread> threads;
  for (ByteCount thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&set, &together, thread] {
      together.arrive_and_wait();
      for (ByteCount i = 0; i < kEach; ++i) set.touched((i * kThreads + thread) * kPageSize, kPageSize);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<int> seen(kSize / kPageSize);
  for (const Extent& extent : set.record()) {
    for (ByteCount at = extent.offset; at < extent.end(); at += kPageSize) ++seen[at / kPageSize];
  }
  EXPECT_THAT(seen, testing::Each(1));
}

}  // namespace
}  // namespace snaphammer::uffd
