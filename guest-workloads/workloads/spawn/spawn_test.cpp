#include <chrono>
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "guest-workloads/workloads/base/testing/program.h"
#include "guest-workloads/workloads/spawn/family.h"
#include "guest-workloads/workloads/spawn/growth.h"
#include "guest-workloads/workloads/spawn/own_use.h"

namespace snaphammer::spawn {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// ---- growth

class Figures : public testing::Test {
 protected:
  void rounds(int count, const std::function<std::uint64_t(int)>& value) {
    for (int i = 0; i < count; ++i) growth.add(value(i));
  }
  Growth growth{2};
};

TEST_F(Figures, ThatGrowEachRoundAreATrend) {
  rounds(100, [](int i) { return 10U + static_cast<unsigned>(i) * 3; });
  const auto trend = growth.trend();
  ASSERT_TRUE(trend);
  EXPECT_NEAR(trend->per_round, 3, 0.001);
  EXPECT_EQ(trend->last, 10U + 99 * 3);
  EXPECT_EQ(trend->rounds, 100 - Growth::kWarmUp);
}

TEST_F(Figures, ThatGrowSlowlyAmidNoiseAreATrend) {
  rounds(3000, [](int i) { return 1000U + static_cast<unsigned>(i) / 10 + static_cast<unsigned>(i * 7) % 40; });
  ASSERT_TRUE(growth.trend());
  EXPECT_NEAR(growth.trend()->per_round, 0.1, 0.01);
}

TEST_F(Figures, ThatStayAreNone) {
  rounds(1000, [](int i) { return 100U + static_cast<unsigned>(i * 7) % 40; });
  EXPECT_FALSE(growth.trend());
}

TEST_F(Figures, ThatRiseOnceAreNone) {
  for (int rise = 1; rise < 200; rise += 9) {
    Growth step(2);
    for (int i = 0; i < 200; ++i) step.add(i < rise ? 10 : 50);
    EXPECT_FALSE(step.trend()) << "it rose in round " << rise;
  }
}

TEST_F(Figures, ThatFillUpInTheFirstRoundsAreNone) {
  rounds(100, [](int i) { return std::min(static_cast<unsigned>(i) * 10U, 50U); });
  EXPECT_FALSE(growth.trend());
}

TEST_F(Figures, WithinTheToleranceAreNone) {
  rounds(99, [](int i) { return 10U + static_cast<unsigned>(i) / 33; });
  EXPECT_FALSE(growth.trend());
}

TEST_F(Figures, AreNotJudgedByTooFewRounds) {
  rounds(Growth::kWarmUp + Growth::kLeast - 1, [](int i) { return static_cast<unsigned>(i) * 5; });
  EXPECT_FALSE(growth.trend());
  growth.add(1000);
  EXPECT_TRUE(growth.trend());
}

TEST_F(Figures, AreToldAgainOnlyWhenTheyGoOnGrowing) {
  rounds(100, [](int i) { return static_cast<unsigned>(i) * 5; });
  growth.restart();
  EXPECT_FALSE(growth.trend());
  rounds(100, [](int) { return 500U; });
  EXPECT_FALSE(growth.trend());
  rounds(400, [](int i) { return 500U + static_cast<unsigned>(i) * 5; });
  EXPECT_TRUE(growth.trend());
}

TEST(OwnUse, CountsDescriptorsMemoryAndChildren) {
  const OwnUse before = own_use();
  const int more[] = {::dup(0), ::dup(0), ::dup(0)};
  std::vector<char> memory(64 << 20, 1);
  const OwnUse after = own_use();
  EXPECT_EQ(after.descriptors, before.descriptors + 3);
  EXPECT_GE(after.resident_kib, before.resident_kib + 60'000);
  EXPECT_GE(after.mapped_kib, before.mapped_kib + 60'000);
  for (const int descriptor : more) ::close(descriptor);

  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t ended{};
  ::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);
  EXPECT_THAT(own_children(), Contains(child));
  const auto state = process_state(child);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->state, 'Z');
  EXPECT_EQ(state->parent, ::getpid());
  EXPECT_GT(state->started, 0U);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(process_state(child));
}

// ---- the program, whose processes are stopped, damaged and made to leak from outside

class Program : public workload::ProgramTest {
 protected:
  // Orphans of the program come to this process, so that a test decides whether they are reaped.
  Program() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~Program() override {
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    if (pid > 0) ::kill(pid, SIGKILL);
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    pid = -1;
    reap_orphans();
  }
  void start(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"--pause", "10ms", "--linger", "10ms", "--cpu", "100", "--orphans", "0"});
    ProgramTest::start(SPAWN_PROGRAM, std::move(arguments));
    ready = next("ready");
  }
  void reap_orphans() {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> children;
    std::ifstream file("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
    for (pid_t child = 0; file >> child;) children.push_back(child);
    return children;
  }
  /// A process of the tree that is alive at the moment: the root's first child.
  pid_t a_descendant() {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < end) {
      for (const pid_t root : children_of(pid)) {
        for (const pid_t child : children_of(root)) return child;
      }
    }
    ADD_FAILURE() << "no tree is seen";
    return -1;
  }
  /// Makes the program duplicate a descriptor, by a system call put into it while it waits in one.
  void leak_a_descriptor() {
    ASSERT_EQ(::ptrace(PTRACE_ATTACH, pid, 0, 0), 0);
    ASSERT_EQ(::waitpid(pid, nullptr, __WALL), pid);
    user_regs_struct before{};
    ASSERT_EQ(::ptrace(PTRACE_GETREGS, pid, 0, &before), 0);
    if (const auto code = peek(pid, before.rip - 2, 2); code == "\x0f\x05") {
      user_regs_struct call = before;
      call.rip = before.rip - 2;
      call.rax = SYS_dup;
      call.orig_rax = ~0ULL;  // Or the kernel would restart what was interrupted.
      call.rdi = 0;
      EXPECT_EQ(::ptrace(PTRACE_SETREGS, pid, 0, &call), 0);
      EXPECT_EQ(::ptrace(PTRACE_SINGLESTEP, pid, 0, 0), 0);
      EXPECT_EQ(::waitpid(pid, nullptr, __WALL), pid);
      EXPECT_EQ(::ptrace(PTRACE_SETREGS, pid, 0, &before), 0);
    }
    ASSERT_EQ(::ptrace(PTRACE_DETACH, pid, 0, 0), 0);
  }
  nlohmann::json check() {
    send("check");
    return next("verdict");
  }
};

TEST_F(Program, ACleanRunPassesAndReallyLooked) {
  start();
  EXPECT_EQ(ready["processes_per_round"], 1 + 3 + 9);
  EXPECT_FALSE(next("beat", [](const auto& line) { return line["rounds"] >= 50; }).is_null());
  const auto verdict = check();
  EXPECT_EQ(verdict["pass"], true) << verdict;
  EXPECT_GE(verdict["processes"], 50 * 13);
  send("stop");
  EXPECT_EQ(wait_exit(), 0);
}

TEST_F(Program, ACheckIsAboutARoundThatCameAfterIt) {
  start({"--pause", "1h"});
  EXPECT_EQ(next("beat")["rounds"], 1);
  EXPECT_EQ(check()["rounds"], 2);
  EXPECT_EQ(check()["rounds"], 3);
}

TEST_F(Program, ALeafThatIsSentWrongBytesSaysSo) {
  ProgramTest::start(SPAWN_PROGRAM, {"--leaf", "1", "2", "3", "0"});
  send("not what follows from the key");
  end_commands();
  EXPECT_EQ(wait_exit(), kWrongMemory);
}

TEST_F(Program, AProcessThatDoesNotEndIsAHangAndTheNextRoundGoesOn) {
  start({"--hang", "1s"});
  ::kill(a_descendant(), SIGSTOP);
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "hang");
  const auto verdict = check();
  EXPECT_EQ(verdict["pass"], false);
  EXPECT_EQ(verdict["findings"], 1);
}

TEST_F(Program, AProcessThatIsKilledIsFound) {
  start();
  ::kill(a_descendant(), SIGKILL);
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "lost-write");
  EXPECT_THAT(finding["message"].get<std::string>(), HasSubstr("another status"));
}

TEST_F(Program, MemoryThatChangesIsALostWrite) {
  start();
  overwrite(pid, ready["inheritance"].get<std::uint64_t>() + 100'000, "XYZ");
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "lost-write");
  EXPECT_THAT(finding["message"].get<std::string>(), HasSubstr("does not read back"));
  EXPECT_EQ(check()["pass"], false);
}

TEST_F(Program, DescriptorsThatGrowAreALeak) {
  start({"--depth", "1", "--fan", "1", "--linger", "1ms", "--pause", "30ms"});
  nlohmann::json finding;
  for (int i = 0; i < 100; ++i) {
    leak_a_descriptor();
    ::usleep(20'000);  // About a round.
  }
  finding = next("finding");
  EXPECT_EQ(finding["id"], "leak");
  EXPECT_EQ(finding["evidence"]["what"], "descriptors");
  EXPECT_EQ(check()["pass"], false);
}

TEST_F(Program, AnOrphanThatIsNotReapedIsALeak) {
  start({"--orphans", "1", "--hang", "500ms"});
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "leak");
  EXPECT_EQ(finding["evidence"]["state"], "Z");
  EXPECT_EQ(finding["evidence"]["parent"], ::getpid());
}

TEST_F(Program, OrphansThatAreReapedAreRight) {
  start({"--orphans", "2", "--hang", "2s"});
  nlohmann::json beat = next("beat");
  for (int i = 0; i < 3; ++i) {
    // The program itself is a child of this one too, but lives.
    reap_orphans();
    beat = next("beat");
  }
  const auto verdict = check();
  EXPECT_EQ(verdict["pass"], true) << verdict;
  EXPECT_GT(verdict["orphans_reaped"], 0);
}

TEST_F(Program, QuiescedItStartsNothingUntilResumed) {
  start();
  send("quiesce");
  next("quiesced");
  EXPECT_THAT(children_of(pid), IsEmpty());
  EXPECT_TRUE(is_silent_for(1200));
  EXPECT_THAT(children_of(pid), IsEmpty());
  send("resume");
  EXPECT_EQ(next_line()["type"], "resumed");
  EXPECT_EQ(next_line()["type"], "beat");
}

TEST_F(Program, TheEndOfItsInputEndsIt) {
  start();
  end_commands();
  EXPECT_EQ(wait_exit(), 0);
}

}  // namespace
}  // namespace snaphammer::spawn
