#include "harness/cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/engine/testing/scripted_run.h"

namespace snaphammer::cli {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::Le;
using testing::SizeIs;
using testing::StartsWith;

/// A run of two acts, each of which is expected to take kUsualStep.
scenario::RunPlan run_named(const std::string& name) {
  const scenario::Loaded loaded =
      scenario::load_text(name + ".yaml", engine::scripted_scenario(name, {"pass", "pass"}, "seed: 1\n"));
  return scenario::plan(*loaded.scenario, {}).runs.at(0);
}

report::RunResult result_after(Duration took, bool expected = true) {
  report::RunResult result;
  result.expected = expected;
  result.seconds = std::chrono::duration<double>(took).count();
  return result;
}

class ProgressTest : public testing::Test {
 protected:
  /// A campaign of so many runs like `run`.
  Progress campaign_of(std::size_t runs, unsigned parallel = 1) const {
    return Progress({.total = runs, .done = 0, .parallel = parallel, .expected = expected * runs}, start);
  }

  const scenario::RunPlan run = run_named("a");
  const Duration expected = 2 * scenario::kUsualStep;
  const TimePoint start = SteadyClock::now();
  const TerminalSize wide{80, 24};
};

TEST_F(ProgressTest, AWorkerHasALineWithItsRunStepTimeAndFindings) {
  Progress progress = campaign_of(2);
  progress.began(0, run, start);
  EXPECT_THAT(progress.lines(wide, start).at(0), "a.s1  starting  0 s");
  progress.phase(0, "restore");
  progress.found(0, "stale-page");
  progress.found(0, "hang");
  EXPECT_EQ(progress.lines(wide, start + 12s).at(0), "a.s1  restore  12 s  stale-page, hang");
}

TEST_F(ProgressTest, TheTotalCountsWhatIsDoneAndWhatIsNotAsExpected) {
  Progress progress({.total = 9, .done = 4, .parallel = 1, .expected = expected * 5}, start);
  EXPECT_THAT(progress.lines(wide, start), ElementsAre("4 of 9 done; 0 s gone, about 3 s left"));
  progress.began(0, run, start);
  progress.ended(0, result_after(expected, false));
  EXPECT_THAT(progress.lines(wide, start + 130s),
              ElementsAre("5 of 9 done, 1 not as expected; 2 min gone, about 2 s left"));
}

TEST_F(ProgressTest, TheEstimateFollowsWhatRunsReallyTake) {
  Progress progress = campaign_of(10);
  EXPECT_EQ(progress.left(start), 10 * expected);
  progress.began(0, run, start);
  progress.ended(0, result_after(10 * expected));
  EXPECT_EQ(progress.left(start), 9 * 10 * expected);
  progress.began(0, run, start);
  EXPECT_EQ(progress.left(start), 9 * 10 * expected);
  EXPECT_EQ(progress.left(start + 4 * expected), (9 * 10 - 4) * expected);
}

TEST_F(ProgressTest, WorkersShareTheRestButNotARun) {
  Progress progress = campaign_of(4, 2);
  EXPECT_EQ(progress.left(start), 2 * expected);
  for (int round = 0; round < 3; ++round) {
    progress.began(0, run, start);
    progress.ended(0, result_after(expected));
  }
  progress.began(0, run, start);
  EXPECT_EQ(progress.left(start), expected);
  EXPECT_EQ(progress.left(start + 9 * expected), Duration(0));
}

TEST_F(ProgressTest, NoLineFillsTheTerminalAndALongNameIsCutFirst) {
  Progress progress = campaign_of(1);
  progress.began(0, run_named("a-name-that-is-much-longer-than-a-terminal-of-forty-columns"), start);
  progress.phase(0, "snapshot");
  for (const std::size_t columns : {1u, 20u, 40u, 79u, 80u}) {
    EXPECT_THAT(progress.lines({columns, 24}, start), Each(SizeIs(Le(columns)))) << columns;
  }
  EXPECT_THAT(progress.lines({40, 24}, start).at(0),
              testing::AllOf(SizeIs(39), StartsWith("a-name-that"), EndsWith("~  snapshot  0 s")));
}

TEST_F(ProgressTest, MoreWorkersThanRowsAreCounted) {
  Progress progress = campaign_of(30, 30);
  for (unsigned slot = 0; slot < 30; ++slot) progress.began(slot, run, start);
  const std::vector<std::string> lines = progress.lines({80, 10}, start);
  EXPECT_THAT(lines, SizeIs(9));
  EXPECT_EQ(lines.at(7), "and 23 more");
  EXPECT_THAT(progress.lines({80, 40}, start), SizeIs(31));
}

TEST(RoughTime, IsWhatAPersonWouldSay) {
  EXPECT_EQ(rough_time(0s), "0 s");
  EXPECT_EQ(rough_time(99s), "99 s");
  EXPECT_EQ(rough_time(150s), "3 min");
  EXPECT_EQ(rough_time(2h + 5min), "2 h 5 min");
}

}  // namespace
}  // namespace snaphammer::cli
