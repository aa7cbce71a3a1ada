#include "lib/uffd/page_tracker.h"

#include <random>
#include <thread>

#include <gmock/gmock.h>

namespace snaphammer::uffd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr ByteCount kPagesOfWord = 32;  // As many share a word of the tracker: borders that no caller may notice.

ByteCount nth(std::uint64_t page) { return page * kPageSize; }
Extent pages(std::uint64_t first, std::uint64_t count) { return {nth(first), nth(count)}; }

/// Brings page 0 into `state` by events that are legal.
void bring_into(PageState state, PageTracker& tracker) {
  if (state != PageState::kMissing) {
    const PageEvent event = state == PageState::kPresent ? PageEvent::kCopied : PageEvent::kRemoved;
    ASSERT_TRUE(tracker.apply(event, 0, kPageSize));
  }
  ASSERT_EQ(tracker.state(0), state);
}

struct Cell {
  PageState state;
  PageEvent event;
  std::optional<PageState> next;
};
std::string cell_name(const testing::TestParamInfo<Cell>& info) {
  return std::string(name_of(info.param.state)) + "_" + std::string(name_of(info.param.event));
}

class PageTransition : public testing::TestWithParam<Cell> {};

constexpr auto kMissing = PageState::kMissing;
constexpr auto kPresent = PageState::kPresent;
constexpr auto kRemoved = PageState::kRemoved;
INSTANTIATE_TEST_SUITE_P(
    Table, PageTransition,
    testing::Values(Cell{kMissing, PageEvent::kCopied, kPresent}, Cell{kMissing, PageEvent::kZeroed, kPresent},
                    Cell{kMissing, PageEvent::kRemoved, kRemoved}, Cell{kMissing, PageEvent::kForgotten, kMissing},
                    Cell{kPresent, PageEvent::kCopied, kPresent}, Cell{kPresent, PageEvent::kZeroed, kPresent},
                    Cell{kPresent, PageEvent::kRemoved, kRemoved}, Cell{kPresent, PageEvent::kForgotten, kMissing},
                    Cell{kRemoved, PageEvent::kCopied, std::nullopt}, Cell{kRemoved, PageEvent::kZeroed, kPresent},
                    Cell{kRemoved, PageEvent::kRemoved, kRemoved}, Cell{kRemoved, PageEvent::kForgotten, kMissing}),
    cell_name);

TEST_P(PageTransition, IsWhatTheTableSays) {
  EXPECT_EQ(next_state(GetParam().state, GetParam().event), GetParam().next);
}

TEST_P(PageTransition, IsWhatTheTrackerDoes) {
  PageTracker tracker(nth(2));
  bring_into(GetParam().state, tracker);
  const Result<void> applied = tracker.apply(GetParam().event, 0, kPageSize);
  EXPECT_EQ(applied.has_value(), GetParam().next.has_value());
  EXPECT_EQ(tracker.state(0), GetParam().next.value_or(GetParam().state));
  EXPECT_EQ(tracker.state(nth(1)), PageState::kMissing) << "the neighbour";
}

TEST(PageTracker, BeginsWithEveryPageMissing) {
  const PageTracker tracker(nth(100));
  EXPECT_EQ(tracker.memory_size(), nth(100));
  EXPECT_THAT(tracker.runs(), ElementsAre(StateRun{pages(0, 100), kMissing}));
}

TEST(PageTracker, EventChangesItsRangeAndNothingElse) {
  for (const std::uint64_t first : {0u, 1u, 31u, 32u, 33u, 64u}) {
    for (const std::uint64_t count : {1u, 2u, 31u, 32u, 33u, 64u, 65u}) {
      PageTracker tracker(nth(160));
      ASSERT_TRUE(tracker.apply(PageEvent::kCopied, nth(first), nth(count)));
      for (std::uint64_t page = 0; page < 160; ++page) {
        const bool inside = page >= first && page < first + count;
        ASSERT_EQ(tracker.state(nth(page)), inside ? kPresent : kMissing) << first << "+" << count << ", page " << page;
      }
    }
  }
}

TEST(PageTracker, EmptyRangeChangesNothing) {
  PageTracker tracker(nth(4));
  EXPECT_TRUE(tracker.apply(PageEvent::kRemoved, nth(2), 0));
  EXPECT_THAT(tracker.runs(), ElementsAre(StateRun{pages(0, 4), kMissing}));
}

TEST(PageTracker, IllegalTransitionKeepsItsPageAndLeavesTheRestAlone) {
  for (const std::uint64_t bad : {std::uint64_t{5}, kPagesOfWord, kPagesOfWord + 5}) {
    PageTracker tracker(nth(80));
    ASSERT_TRUE(tracker.apply(PageEvent::kRemoved, nth(bad), kPageSize));
    const Result<void> applied = tracker.apply(PageEvent::kCopied, nth(2), nth(70));
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().kind(), ErrorKind::kInternal);
    EXPECT_THAT(tracker.runs(),
                ElementsAre(StateRun{pages(0, 2), kMissing}, StateRun{pages(2, bad - 2), kPresent},
                            StateRun{pages(bad, 1), kRemoved}, StateRun{pages(bad + 1, 79 - bad), kMissing}));
  }
}

TEST(PageTracker, IllegalTransitionIsNamed) {
  PageTracker tracker(nth(80));
  ASSERT_TRUE(tracker.apply(PageEvent::kRemoved, nth(37), kPageSize));
  const Result<void> applied = tracker.apply(PageEvent::kCopied, 0, nth(80));
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().message(), HasSubstr("page 0x25000: copied while removed"));
}

TEST(PageTracker, FindReturnsTheFirstRunInsideItsRange) {
  PageTracker tracker(nth(100));
  ASSERT_TRUE(tracker.apply(PageEvent::kCopied, nth(30), nth(10)));
  ASSERT_TRUE(tracker.apply(PageEvent::kCopied, nth(50), nth(1)));
  EXPECT_EQ(tracker.find(kPresent, pages(0, 100)), pages(30, 10));
  EXPECT_EQ(tracker.find(kPresent, pages(35, 10)), pages(35, 5)) << "cut at its start";
  EXPECT_EQ(tracker.find(kPresent, pages(20, 15)), pages(30, 5)) << "cut at its end";
  EXPECT_EQ(tracker.find(kPresent, pages(40, 60)), pages(50, 1));
  EXPECT_EQ(tracker.find(kMissing, pages(30, 70)), pages(40, 10));
}

TEST(PageTracker, FindOfWhatIsNotThereIsNothing) {
  PageTracker tracker(nth(100));
  ASSERT_TRUE(tracker.apply(PageEvent::kCopied, nth(30), nth(10)));
  EXPECT_EQ(tracker.find(kRemoved, pages(0, 100)), std::nullopt);
  EXPECT_EQ(tracker.find(kPresent, pages(0, 30)), std::nullopt);
  EXPECT_EQ(tracker.find(kPresent, pages(40, 60)), std::nullopt);
  EXPECT_EQ(tracker.find(kPresent, pages(35, 0)), std::nullopt);
}

// The same, one page at a time.
class NaiveTracker {
 public:
  explicit NaiveTracker(std::uint64_t count) : states_(count, kMissing) {}

  bool apply(PageEvent event, std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t page = first; page < first + count; ++page) {
      const auto next = next_state(states_[page], event);
      if (!next) return false;
      states_[page] = *next;
    }
    return true;
  }
  std::optional<Extent> find(PageState state, std::uint64_t first, std::uint64_t count) const {
    Extent found;
    for (std::uint64_t page = first; page < first + count; ++page) {
      if (states_[page] != state && found.length != 0) break;
      if (states_[page] != state) continue;
      if (found.length == 0) found.offset = nth(page);
      found.length += kPageSize;
    }
    if (found.length == 0) return std::nullopt;
    return found;
  }
  std::vector<StateRun> runs() const {
    std::vector<StateRun> runs;
    for (std::uint64_t page = 0; page < states_.size(); ++page) {
      if (page == 0 || states_[page] != states_[page - 1]) runs.push_back({pages(page, 0), states_[page]});
      runs.back().extent.length += kPageSize;
    }
    return runs;
  }

 private:
  std::vector<PageState> states_;
};

TEST(PageTracker, AgreesWithANaiveModelUnderRandomEvents) {
  constexpr std::uint64_t kCount = 3 * kPagesOfWord + 7;
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](std::uint64_t limit) { return random() % limit; };
    PageTracker tracker(nth(kCount));
    NaiveTracker model(kCount);
    for (int step = 0; step < 500; ++step) {
      const std::uint64_t first = below(kCount);
      const std::uint64_t count = below(below(3) == 0 ? kCount - first + 1 : std::min(kCount - first, 4ul) + 1);
      const auto event = static_cast<PageEvent>(below(4));
      ASSERT_EQ(tracker.apply(event, nth(first), nth(count)).has_value(), model.apply(event, first, count))
          << "seed " << seed << ", step " << step << ": " << name_of(event) << " of " << first << "+" << count;
      ASSERT_EQ(tracker.runs(), model.runs()) << "seed " << seed << ", step " << step;
      const auto state = static_cast<PageState>(below(3));
      ASSERT_EQ(tracker.find(state, pages(first, count)), model.find(state, first, count))
          << "seed " << seed << ", step " << step << ": " << name_of(state) << " in " << first << "+" << count;
    }
  }
}

TEST(PageTracker, ThreadsThatChangeNeighbouringPagesDoNotDisturbEachOther) {
  constexpr int kRounds = 20'000;
  constexpr std::uint64_t kThreads = 4;
  PageTracker tracker(nth(kPagesOfWord));
  std::atomic<int> surprises = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t page = 0; page < kThreads; ++page) {
    threads.emplace_back([&tracker, &surprises, page] {
      for (int round = 0; round < kRounds; ++round) {
        const PageState wanted = round % 2 == 0 ? kRemoved : kPresent;
        const PageEvent event = round % 2 == 0 ? PageEvent::kRemoved : PageEvent::kZeroed;
        if (!tracker.apply(event, nth(page), kPageSize) || tracker.state(nth(page)) != wanted) ++surprises;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(surprises, 0);
  EXPECT_THAT(tracker.runs(), ElementsAre(StateRun{pages(0, kThreads), kPresent},
                                          StateRun{pages(kThreads, kPagesOfWord - kThreads), kMissing}));
}

TEST(PageTracker, TakesNoMoreThanOnePercentOfTheMemory) {
  for (const ByteCount size : {4_KiB, 132_KiB, 256_MiB, 2_GiB}) {
    const PageTracker tracker(size);
    EXPECT_LE(tracker.memory_used() * 100, size);
    EXPECT_GE(tracker.memory_used() * 4, size / kPageSize) << "two bits a page have to be somewhere";
  }
}

}  // namespace
}  // namespace snaphammer::uffd
