#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "guest-workloads/workloads/base/testing/program.h"
#include "guest-workloads/workloads/ticker/clock_watch.h"
#include "guest-workloads/workloads/ticker/clocks.h"
#include "guest-workloads/workloads/ticker/lateness.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::ticker {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// ---- what the clocks say, as a guest would read it

class Watch : public testing::Test {
 protected:
  /// The guest runs for so long; a reading each 100 ms.
  void run_for(Nanoseconds time) {
    for (Nanoseconds end = monotonic + time; monotonic < end;) {
      advance(100ms);
      read();
    }
  }
  void advance(Nanoseconds time) {
    monotonic += time;
    wall += time;
    hardware += time;
  }
  /// What a snapshot does to the clocks when it is restored so much later.
  void be_a_snapshot_for(Nanoseconds time) { hardware += time; }
  /// What the agent does then.
  void be_set_up() {
    wall = hardware;
    generation += "'";
  }
  void read() {
    watch.take({.monotonic = monotonic,
                .wall = wall,
                .hardware = std::chrono::floor<std::chrono::seconds>(hardware),
                .generation = generation,
                .clock_setting = clock_setting});
  }
  std::string kind(std::size_t i) const { return nlohmann::json::parse(findings.at(i).evidence.text())["kind"]; }

  Nanoseconds monotonic = 100s;
  Nanoseconds hardware = 1'700'000'000s + 300ms;
  Nanoseconds wall = hardware;
  std::string generation = "g";
  std::string clock_setting;
  std::vector<ClockFinding> findings;
  ClockWatch watch{{.skew = 2s, .grace = 10s}, [this](const ClockFinding& found) { findings.push_back(found); }};
};

TEST_F(Watch, ClocksThatGoTogetherAreRight) {
  run_for(60s);
  EXPECT_THAT(findings, IsEmpty());
  EXPECT_FALSE(watch.undecided());
  EXPECT_GT(watch.seen().compared, 500U);
  EXPECT_EQ(watch.seen().jumps, 0U);
}

TEST_F(Watch, ARestoreThatSetsTheClockIsRight) {
  run_for(5s);
  be_a_snapshot_for(1h);
  run_for(2s);  // The agent takes its time.
  EXPECT_TRUE(watch.undecided());
  be_set_up();
  run_for(20s);
  EXPECT_THAT(findings, IsEmpty());
  EXPECT_EQ(watch.seen().restores, 1U);
  EXPECT_EQ(watch.seen().jumps, 1U);
  EXPECT_EQ(watch.seen().last_jump, 1h);
  EXPECT_FALSE(watch.undecided());
}

TEST_F(Watch, ARestoreThatDoesNotSetTheClockIsAFindingOnce) {
  run_for(5s);
  be_a_snapshot_for(1h);
  run_for(60s);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(kind(0), "wall-not-set");
  EXPECT_THAT(findings[0].message, HasSubstr("off the hardware clock by -3599"));
  be_set_up();
  run_for(5s);
  be_a_snapshot_for(1h);
  run_for(60s);
  EXPECT_THAT(findings, SizeIs(2)) << "the next restore is another one";
}

TEST_F(Watch, OnlyMoreThanTheToleratedSkewIsAFinding) {
  wall = hardware - 1900ms;
  run_for(60s);
  wall = hardware;
  run_for(60s);
  wall = hardware + 1900ms;
  run_for(60s);
  EXPECT_THAT(findings, IsEmpty());
  wall = hardware + 3100ms;
  run_for(60s);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(kind(0), "wall-not-set");
}

TEST_F(Watch, AMonotonicClockThatGoesBackIsAFinding) {
  run_for(5s);
  monotonic -= 150ms;
  read();
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(kind(0), "monotonic-backwards");
}

TEST_F(Watch, AWallClockThatGoesBackIsAFinding) {
  run_for(5s);
  wall -= 2500ms;
  read();
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(kind(0), "wall-backwards");
}

TEST_F(Watch, AJumpForwardWithoutARestoreIsAFinding) {
  run_for(5s);
  wall += 1min;
  hardware += 1min;
  run_for(5s);
  EXPECT_TRUE(watch.undecided());
  run_for(20s);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(kind(0), "wall-jump");
}

TEST_F(Watch, ARestoreOfLongAgoExplainsNoJump) {
  run_for(5s);
  generation += "'";
  run_for(60s);
  wall += 1min;
  hardware += 1min;
  run_for(20s);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(kind(0), "wall-jump");
}

TEST_F(Watch, AJumpForwardAfterWhichTheHostSaysThatItSetTheClockIsRight) {
  run_for(5s);
  be_a_snapshot_for(1h);  // To its clocks a pause is the same.
  run_for(2s);
  wall = hardware;
  run_for(1s);
  EXPECT_TRUE(watch.undecided());
  clock_setting = "1";
  run_for(20s);
  EXPECT_THAT(findings, IsEmpty());
  EXPECT_EQ(watch.seen().restores, 0U);
  EXPECT_FALSE(watch.undecided());
  wall += 1min;
  hardware += 1min;
  run_for(20s);
  EXPECT_THAT(findings, SizeIs(1)) << "that setting explains no later jump";
}

TEST_F(Watch, WhereGenerationsAreNotKnownAJumpForwardIsTakenForARestore) {
  generation = "";
  run_for(5s);
  wall += 1min;
  hardware += 1min;
  run_for(20s);
  EXPECT_THAT(findings, IsEmpty());
  EXPECT_EQ(watch.seen().jumps, 1U);
  EXPECT_TRUE(watch.last_restore());
}

// ---- timers

class Late : public testing::Test {
 protected:
  std::vector<ClockFinding> findings;
  Lateness lateness{{.late = 1s, .grace = 10s}, [this](const ClockFinding& found) { findings.push_back(found); }};
  const Nanoseconds now = monotonic_now();
};

TEST_F(Late, WithinTheBoundIsRight) {
  lateness.take({"nanosleep", 100s, 101s});
  lateness.judge(now + 1h, std::nullopt);
  EXPECT_THAT(findings, IsEmpty());
  EXPECT_EQ(lateness.seen().worst, 1s);
}

TEST_F(Late, BeyondItIsAFindingWhenNoRestoreWasNear) {
  lateness.take({"nanosleep", 100s, 101s + 1ms});
  lateness.judge(now + 9s, now - 1h);
  EXPECT_THAT(findings, IsEmpty()) << "a restore may still show";
  EXPECT_TRUE(lateness.undecided());
  lateness.judge(now + 11s, now - 1h);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_THAT(findings[0].message, HasSubstr("timer-late: nanosleep by 1001 ms"));
  EXPECT_FALSE(lateness.undecided());
}

TEST_F(Late, AroundARestoreItIsExcused) {
  lateness.take({"nanosleep", 100s, 105s});
  lateness.judge(now + 1s, now + 900ms);
  EXPECT_FALSE(lateness.undecided());
  EXPECT_EQ(lateness.seen().excused, 1U);
  lateness.judge(now + 1h, now + 900ms);
  EXPECT_THAT(findings, IsEmpty());
}

TEST_F(Late, TooEarlyIsAFinding) {
  lateness.take({"timerfd", 100s, 99s});
  lateness.judge(now + 11s, std::nullopt);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_THAT(findings[0].message, HasSubstr("timer-early"));
}

// ---- the program

class Program : public workload::ProgramTest {
 protected:
  std::string file(const char* name) const { return directory / name; }
  void set_hardware_clock(std::chrono::seconds offset) {
    std::ofstream(file("clock")) << (std::chrono::floor<std::chrono::seconds>(wall_now()) + offset).count() << "\n";
  }
  void start(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--hardware-clock", file("clock"), "--identity", file("identity")});
    ProgramTest::start(TICKER_PROGRAM, std::move(arguments));
    next("ready");
  }
  TemporaryDirectory directory;
};

TEST_F(Program, ACleanRunPassesAndReallyLooked) {
  start({});
  for (int i = 0; i < 3; ++i) next("beat");
  send("check");
  const auto verdict = next("verdict");
  EXPECT_EQ(verdict["pass"], true) << verdict;
  EXPECT_GE(verdict["readings"], 10);
  EXPECT_EQ(verdict["compared"], 0) << "there is no hardware clock";
  for (const char* kind : {"nanosleep", "condition", "timerfd", "wall"}) EXPECT_GE(verdict[kind], 10) << kind;
  send("stop");
  EXPECT_EQ(wait_exit(), 0);
}

TEST_F(Program, TimersThatFireLateAreAFinding) {
  start({"--late", "300ms", "--grace", "500ms"});
  next("beat", [](const auto& line) { return line["ticks"] > 0; });
  ::kill(pid, SIGSTOP);
  ::usleep(1'000'000);  // The time that is to be missed.
  ::kill(pid, SIGCONT);
  const auto verdict = check();
  // Its counters tell why there is none: a clock of this host that jumped meanwhile looks like a restore.
  ASSERT_THAT(findings, testing::Not(IsEmpty())) << verdict;
  EXPECT_EQ(findings[0]["id"], "clock-skew");
  EXPECT_THAT(findings[0]["message"].get<std::string>(), HasSubstr("timer-"));
  EXPECT_EQ(verdict["pass"], false);
}

TEST_F(Program, ACheckWaitsForEveryTimer) {
  start({"--period", "1s"});
  send("check");
  const auto verdict = next("verdict");
  for (const char* kind : {"nanosleep", "condition", "timerfd", "wall"}) EXPECT_GE(verdict[kind], 1) << kind;
}

TEST_F(Program, AWallClockThatNobodySetsIsAFindingAndACheckWaitsForIt) {
  set_hardware_clock(1h);
  start({"--grace", "500ms"});
  send("check");
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "clock-skew");
  EXPECT_EQ(finding["evidence"]["kind"], "wall-not-set");
  EXPECT_EQ(next("verdict")["pass"], false);
}

TEST_F(Program, AWallClockThatIsRightIsCompared) {
  set_hardware_clock(0s);
  start({"--skew", "30s"});
  send("check");
  const auto verdict = next("verdict");
  EXPECT_EQ(verdict["pass"], true) << verdict;
  EXPECT_GT(verdict["compared"], 0);
}

TEST_F(Program, ANewGenerationIsARestore) {
  std::ofstream(file("identity")) << R"({"name":"a","generation":"one"})";
  start({});
  next("beat");
  std::ofstream(file("identity.new")) << R"({"name":"a","clock_setting":"7","generation":"two"})";
  ASSERT_EQ(::rename(file("identity.new").c_str(), file("identity").c_str()), 0);
  EXPECT_FALSE(next("beat", [](const auto& line) { return line["restores"] != 0; }).is_null());
}

TEST_F(Program, QuiescedItsTimersRest) {
  start({});
  send("quiesce");
  next("quiesced");
  EXPECT_TRUE(is_silent_for(1500));
  send("check");
  const auto first = next("verdict");
  send("check");
  EXPECT_EQ(next("verdict")["ticks"], first["ticks"]);
  send("resume");
  EXPECT_FALSE(next("beat", [&](const auto& line) { return line["ticks"] != first["ticks"]; }).is_null());
}

TEST_F(Program, TheEndOfItsInputEndsIt) {
  start({});
  end_commands();
  EXPECT_EQ(wait_exit(), 0);
}

}  // namespace
}  // namespace snaphammer::ticker
