// What is prefetched, in which order and in which pieces. How it meets faults and REMOVEs is in races_test.cpp.
#include "lib/uffd/prefetch.h"

#include <random>
#include <set>

#include <gmock/gmock.h>
#include <unistd.h>

#include "lib/uffd/testing/fake_vmm.h"
#include "lib/uffd/testing/pattern_source.h"

namespace snaphammer::uffd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ByteCount kChunk = 64_KiB;

std::vector<Extent> plan_all(const std::vector<Extent>& data, ByteCount chunk = kChunk, ByteCount page_size = 4_KiB) {
  return plan_prefetch(Prefetch::kAll, data, {}, chunk, page_size);
}
std::vector<Extent> plan_working_set(const std::vector<Extent>& working_set, ByteCount chunk = kChunk,
                                     ByteCount page_size = 4_KiB) {
  return plan_prefetch(Prefetch::kWorkingSet, {{0, 1_GiB}}, working_set, chunk, page_size);
}

TEST(PrefetchPlan, OffIsNothing) {
  EXPECT_THAT(plan_prefetch(Prefetch::kOff, {{0, 1_MiB}}, {{0, 1_MiB}}, kChunk, 4_KiB), IsEmpty());
}

TEST(PrefetchPlan, AllIsTheDataAndNothingElse) {
  EXPECT_THAT(plan_all({{8_KiB, 4_KiB}, {32_KiB, 8_KiB}}), ElementsAre(Extent{8_KiB, 4_KiB}, Extent{32_KiB, 8_KiB}));
  EXPECT_THAT(plan_all({}), IsEmpty());
}

TEST(PrefetchPlan, AllDoesNotNeedAWorkingSet) {
  EXPECT_THAT(plan_prefetch(Prefetch::kAll, {{8_KiB, 4_KiB}}, {{0, 64_KiB}}, kChunk, 4_KiB),
              ElementsAre(Extent{8_KiB, 4_KiB}));
}

TEST(PrefetchPlan, LargeExtentsAreCutAtMultiplesOfTheChunk) {
  EXPECT_THAT(plan_all({{60_KiB, 140_KiB}}), ElementsAre(Extent{60_KiB, 4_KiB}, Extent{64_KiB, 64_KiB},
                                                         Extent{128_KiB, 64_KiB}, Extent{192_KiB, 8_KiB}));
}

TEST(PrefetchPlan, NeighboursAreCopiedTogether) {
  EXPECT_THAT(plan_all({{0, 4_KiB}, {4_KiB, 4_KiB}}), ElementsAre(Extent{0, 8_KiB}));
}

TEST(PrefetchPlan, DataIsWidenedToHostPages) {
  EXPECT_THAT(plan_all({{1_MiB, 4_KiB}, {7_MiB, 2_MiB}}, 2_MiB, 2_MiB),
              ElementsAre(Extent{0, 2_MiB}, Extent{6_MiB, 2_MiB}, Extent{8_MiB, 2_MiB}));
}

TEST(PrefetchPlan, ExtentsThatShareAHostPageAreInstalledOnce) {
  EXPECT_THAT(plan_all({{0, 4_KiB}, {1_MiB, 4_KiB}, {2_MiB - 4_KiB, 8_KiB}}, 4_MiB, 2_MiB),
              ElementsAre(Extent{0, 4_MiB}));
}

TEST(PrefetchPlan, AChunkSmallerThanAPageIsOnePage) {
  EXPECT_THAT(plan_all({{0, 4_MiB}}, 4_KiB, 2_MiB), ElementsAre(Extent{0, 2_MiB}, Extent{2_MiB, 2_MiB}));
}

TEST(PrefetchPlan, AChunkIsWholePages) {
  EXPECT_THAT(plan_all({{0, 12_MiB}}, 5_MiB, 2_MiB),
              ElementsAre(Extent{0, 4_MiB}, Extent{4_MiB, 4_MiB}, Extent{8_MiB, 4_MiB}));
}

TEST(PrefetchPlan, WorkingSetIsNotTheData) {
  EXPECT_THAT(plan_working_set({}), IsEmpty());
  EXPECT_THAT(plan_working_set({{512_KiB, 4_KiB}}), ElementsAre(Extent{512_KiB, 4_KiB}));
}

TEST(PrefetchPlan, WorkingSetGoesInOrderOfFirstTouch) {
  EXPECT_THAT(plan_working_set({{512_KiB, 4_KiB}, {0, 4_KiB}, {128_KiB, 8_KiB}}),
              ElementsAre(Extent{512_KiB, 4_KiB}, Extent{0, 4_KiB}, Extent{128_KiB, 8_KiB}));
}

TEST(PrefetchPlan, PagesOfOneWindowAreGatheredWhereItWasFirstTouched) {
  EXPECT_THAT(plan_working_set({{520_KiB, 4_KiB}, {0, 4_KiB}, {512_KiB, 4_KiB}}),
              ElementsAre(Extent{512_KiB, 4_KiB}, Extent{520_KiB, 4_KiB}, Extent{0, 4_KiB}));
}

TEST(PrefetchPlan, PagesTouchedOneByOneAreCopiedTogether) {
  EXPECT_THAT(plan_working_set({{8_KiB, 4_KiB}, {4_KiB, 4_KiB}, {256_KiB, 4_KiB}, {0, 4_KiB}, {12_KiB, 4_KiB}}),
              ElementsAre(Extent{0, 16_KiB}, Extent{256_KiB, 4_KiB}));
}

TEST(PrefetchPlan, NeighboursInDifferentWindowsStayApart) {
  EXPECT_THAT(plan_working_set({{60_KiB, 8_KiB}}), ElementsAre(Extent{60_KiB, 4_KiB}, Extent{64_KiB, 4_KiB}));
}

TEST(PrefetchPlan, SmallPagesTouchedBeforeBecomeHugePagesOnce) {
  EXPECT_THAT(plan_working_set({{3_MiB, 4_KiB}, {0, 4_KiB}, {2_MiB, 4_KiB}, {1_MiB, 4_KiB}}, 2_MiB, 2_MiB),
              ElementsAre(Extent{2_MiB, 2_MiB}, Extent{0, 2_MiB}));
}

TEST(PrefetchPlan, PagesTouchedAgainAreInstalledOnce) {
  EXPECT_THAT(plan_working_set({{0, 8_KiB}, {0, 4_KiB}, {4_KiB, 8_KiB}, {0, 4_KiB}}), ElementsAre(Extent{0, 12_KiB}));
}

std::set<ByteCount> host_pages_of(const std::vector<Extent>& extents, ByteCount page_size) {
  std::set<ByteCount> pages;
  for (const Extent& extent : extents) {
    for (ByteCount page = extent.offset / page_size; page * page_size < extent.end(); ++page) pages.insert(page);
  }
  return pages;
}

void expect_sound(const std::vector<Extent>& plan, const std::vector<Extent>& wanted, ByteCount chunk,
                  ByteCount page_size) {
  std::set<ByteCount> planned;
  for (const Extent& extent : plan) {
    ASSERT_GT(extent.length, 0u);
    ASSERT_EQ(extent.offset % page_size, 0u);
    ASSERT_EQ(extent.length % page_size, 0u);
    ASSERT_LE(extent.length, std::max(chunk, page_size));
    for (ByteCount page = extent.offset / page_size; page * page_size < extent.end(); ++page) {
      ASSERT_TRUE(planned.insert(page).second) << "page " << page << " is planned twice";
    }
  }
  ASSERT_EQ(planned, host_pages_of(wanted, page_size));
}

TEST(PrefetchPlan, OfRandomExtentsIsWholeBoundedAndWithoutRepetition) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto below = [&random](ByteCount limit) { return random() % limit; };
    const ByteCount page_size = below(2) == 0 ? 4_KiB : 2_MiB;
    const ByteCount chunk = (1 + below(1024)) * 4_KiB;
    std::vector<Extent> ascending;
    ByteCount end = 0;
    for (ByteCount i = below(20); i > 0; --i) {
      ascending.push_back({end + below(600) * 4_KiB, (1 + below(600)) * 4_KiB});
      end = ascending.back().end();
    }
    expect_sound(plan_all(ascending, chunk, page_size), ascending, chunk, page_size);
    std::vector<Extent> touched;
    for (ByteCount i = below(40); i > 0; --i) touched.push_back({below(8192) * 4_KiB, (1 + below(30)) * 4_KiB});
    expect_sound(plan_working_set(touched, chunk, page_size), touched, chunk, page_size);
  }
}

// A source that refuses what is not its own, and a guest whose memory is one huge page and one small page.
class BoundedSource : public PatternSource {
 public:
  using PatternSource::PatternSource;
  Result<std::span<const std::byte>> read(ByteCount offset, std::size_t length,
                                          std::span<std::byte> scratch) const override {
    if (offset > size() || length > size() - offset) return Error(ErrorKind::kInvalid, "read beyond the end");
    return PatternSource::read(offset, length, scratch);
  }
};

TEST(Prefetcher, EndsWithTheMemoryWhenAHugePageWouldReachBeyondIt) {
  constexpr ByteCount kSize = 2_MiB + 4_KiB;
  FakeVmm vmm({}, {6_MiB});
  const std::uint64_t aligned = (vmm.regions()[0].base + 2_MiB - 1) / 2_MiB * 2_MiB;
  const ByteCount shift = aligned - vmm.regions()[0].base;
  const std::vector<Region> regions = {{aligned, 2_MiB, 0, 2_MiB}, {aligned + 2_MiB, 4_KiB, 2_MiB, 4_KiB}};
  ASSERT_TRUE(check_regions(regions, kSize));
  const BoundedSource source(kSize, {{0, kSize}});
  Counters counters;
  Trace trace(0);
  StopSignal stop;
  ASSERT_TRUE(stop.open());
  const auto memory =
      GuestMemory::adopt({UniqueFd(::dup(vmm.userfaultfd())), regions, {}}, kSize, Policy(), counters, trace);
  ASSERT_TRUE(memory) << memory.error().describe();
  FaultQueue queue(1);
  const WorkingSet working_set(kSize, {});
  std::vector<std::string> errors;
  Prefetcher prefetcher(**memory, SourceReader(source, 0, counters, trace, stop), queue, working_set, counters, trace,
                        stop, [&errors](const Error& error) { errors.push_back(error.describe()); });
  prefetcher.run(plan_prefetch(Prefetch::kAll, source.data(), {}, 2_MiB, 2_MiB));
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_EQ(counters.prefetched_pages.get(), kSize / kPageSize);
  for (const ByteCount offset : {ByteCount{0}, 2_MiB - 4_KiB, 2_MiB}) {
    ASSERT_TRUE(vmm.is_mapped(shift + offset)) << offset;
    EXPECT_EQ(vmm.page(shift + offset)->front(), pattern_word(offset));
  }
}

}  // namespace
}  // namespace snaphammer::uffd
