// `shrink`, with scripted runs: each is a real worker process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "harness/cli/earlier_run.h"
#include "harness/cli/testing/program_fixture.h"

namespace snaphammer::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class ShrinkCommandTest : public ProgramFixture {
 protected:
  /// Runs the scenario and returns the artifacts of its run.
  std::string failed_run(const std::vector<std::string>& acts, const std::string& more = "seed: 1\n") {
    EXPECT_EQ(run({scenario("bad", acts, more)}), 1) << err();
    return directory_ / "out" / results().at("runs").at(0).at("artifacts").get<std::string>();
  }
  int shrink(const std::string& run, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"shrink", run, "--to", smaller(), "--out", directory_ / "tries"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return snaphammer(std::move(arguments));
  }
  std::string smaller() { return directory_ / "smaller.yaml"; }
};

TEST_F(ShrinkCommandTest, WritesAScenarioOfWhatIsNeeded) {
  const std::string failed = failed_run({"pass", "pass", "fail", "pass"});
  fs::remove(directory_ / "bad.yaml");
  EXPECT_EQ(shrink(failed), 0) << err();
  EXPECT_THAT(content_of(smaller()), AllOf(HasSubstr("# Made by `snaphammer shrink "), HasSubstr("name: bad-shrunk\n"),
                                           HasSubstr("seed: 1\n"), HasSubstr("steps:\n  - act: fail\n")));
  EXPECT_THAT(out(), AllOf(HasSubstr("bad.s1: fail stale-page"), ContainsRegex("came back 2/2  all of it"),
                           ContainsRegex("came back 2/2  without steps.0 to steps.1"),
                           ContainsRegex("gone      0/2  without steps.2 to steps.3"),
                           HasSubstr("nothing more can be left out"), HasSubstr("scenario: " + smaller())));
  EXPECT_EQ(snaphammer({"lint", smaller()}), 0) << err();
  expect_nothing_left();
}

TEST_F(ShrinkCommandTest, TheSmallerScenarioEndsAsTheRunDid) {
  EXPECT_EQ(shrink(failed_run({"pass", "fail"})), 0) << err();
  fs::remove_all(directory_ / "out");
  EXPECT_EQ(run({smaller()}), 1);
  EXPECT_EQ(results().at("runs").at(0).at("findings").at(0).at("id"), "stale-page");
}

TEST_F(ShrinkCommandTest, AnOutcomeThatDoesNotComeBackIs1AndNothingIsWritten) {
  const std::string failed = failed_run({"fail"});
  // As if it had been another machine's.
  std::string plan = content_of(failed + "/plan.json");
  plan.replace(plan.find("act: fail"), 9, "act: pass");
  std::ofstream(failed + "/plan.json") << plan;
  EXPECT_EQ(shrink(failed, {"--tries", "4"}), 1) << err();
  EXPECT_THAT(out(), HasSubstr("did not come back"));
  EXPECT_FALSE(fs::exists(smaller()));
}

TEST_F(ShrinkCommandTest, RunsNoMoreThanItMayAndKeepsWhatItHas) {
  EXPECT_EQ(shrink(failed_run({"pass", "pass", "pass", "fail"}), {"--tries", "1", "--most", "3"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("in 3 runs"), HasSubstr("there may be more to leave out")));
  EXPECT_EQ(snaphammer({"lint", smaller()}), 0) << err();
}

TEST_F(ShrinkCommandTest, TheShareDecidesWhatStays) {
  const std::string failed = failed_run({"pass", "fail"});
  EXPECT_EQ(shrink(failed, {"--tries", "4", "--share", "1"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("came back 4/4  all of it"), HasSubstr("gone      0/4  without steps.1")));
}

TEST_F(ShrinkCommandTest, AnInterruptIs130AndLeavesNothingBehind) {
  environment_["SCRIPTED_FIFO"] = directory_ / "fifo";
  const std::string failed = failed_run({"fail", "announce", "pass"});  // As a plain file it holds nobody up.
  fs::remove(directory_ / "fifo");
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  ChildProcess program = start({"shrink", failed, "--to", smaller(), "--out", directory_ / "tries", "--tries", "1"});
  std::string announced;
  std::getline(std::ifstream(directory_ / "fifo") >> std::ws, announced);
  ASSERT_TRUE(program.signal(SIGINT));
  EXPECT_EQ(wait_for_exit(program), 130) << out();
  expect_nothing_left();
}

TEST_F(ShrinkCommandTest, ARunWithoutAFindingAndATakenFileAre2) {
  EXPECT_EQ(run({scenario("good", {"pass"})}), 0) << err();
  EXPECT_EQ(shrink(directory_ / "out/runs/good.s1"), 2);
  EXPECT_THAT(err(), HasSubstr("no finding that could come back"));
  fs::remove_all(directory_ / "out");
  const std::string failed = failed_run({"fail"});
  write("smaller.yaml", "mine\n");
  EXPECT_EQ(shrink(failed), 2);
  EXPECT_EQ(content_of(smaller()), "mine\n");
  EXPECT_EQ(shrink(directory_ / "no-such"), 2);
}

TEST_F(ShrinkCommandTest, WhatCannotWorkIs2BeforeAnyRun) {
  const std::string failed = failed_run({"fail"});
  EXPECT_EQ(snaphammer({"shrink", failed, "--to", smaller(), "--out", directory_ / "out"}), 2);
  EXPECT_THAT(err(), HasSubstr("has the results of another campaign"));
  EXPECT_EQ(snaphammer({"shrink", failed, "--to", directory_ / "none" / "a.yaml"}), 2);
  EXPECT_THAT(err(), HasSubstr("none is no directory"));
  for (const char* share : {"0", "nan", "-1", "1.1", "half"}) {
    EXPECT_EQ(shrink(failed, {"--share", share}), 2) << share;
    EXPECT_THAT(err(), HasSubstr("above 0 and up to 1"));
  }
  std::ofstream(failed + "/result.json") << "{";
  EXPECT_EQ(shrink(failed), 2);
  EXPECT_THAT(err(), HasSubstr("result.json"));
  fs::remove(failed + "/result.json");
  EXPECT_EQ(shrink(failed), 2);
  EXPECT_THAT(err(), HasSubstr("has left no result"));
  EXPECT_FALSE(fs::exists(directory_ / "tries"));
}

report::RunResult failed_with(const std::vector<std::pair<std::string, std::string>>& findings) {
  report::RunResult run;
  run.verdict = report::Verdict::kFail;
  for (const auto& [id, oracle] : findings) {
    run.findings.push_back({.id = id, .oracle = oracle, .message = {}, .evidence = {}});
  }
  return run;
}

TEST(CameBack, IsEachKindOfFindingByAnOracleThatHadFoundIt) {
  const report::RunResult died = failed_with({{"unhealthy", "heap"}});
  EXPECT_TRUE(came_back(died, failed_with({{"unhealthy", "heap"}, {"hang", "runtime"}}))) << "more are no matter";
  EXPECT_FALSE(came_back(died, failed_with({{"unhealthy", "runtime"}}))) << "something else was unhealthy";
  EXPECT_FALSE(came_back(died, failed_with({{"hang", "heap"}})));
  const report::RunResult hung = failed_with({{"hang", "runtime"}, {"hang", "unresolved-faults"}, {"limit", "limits"}});
  EXPECT_TRUE(came_back(hung, failed_with({{"hang", "unresolved-faults"}, {"limit", "limits"}}))) << "one may be late";
  EXPECT_FALSE(came_back(hung, failed_with({{"hang", "runtime"}})));
  report::RunResult broken = died;
  broken.verdict = report::Verdict::kError;
  EXPECT_FALSE(came_back(died, broken));
}

}  // namespace
}  // namespace snaphammer::cli
