#include "guest-workloads/agent/reaper.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-workloads/agent/process.h"
#include "lib/base/testing/run_async.h"

namespace snaphammer::guest {
namespace {

Async<agent::ProcessEnd> end_of(std::shared_ptr<Child> child) {
  const agent::ProcessEnd end = co_await child->wait();
  co_return end;
}

class ReaperTest : public testing::Test {
 protected:
  std::shared_ptr<Child> start(const std::string& script) {
    return reaper.adopt(spawn({{"sh", "-c", script}, {}, "/"}).value().pid);
  }
  agent::ProcessEnd wait(const std::shared_ptr<Child>& child) { return run_async(context, end_of(child)).value(); }

  asio::io_context context;
  Reaper reaper{context};
};

TEST_F(ReaperTest, TellsTheExitCode) { EXPECT_EQ(wait(start("exit 7")).code, 7); }

TEST_F(ReaperTest, TellsTheSignal) { EXPECT_EQ(wait(start("kill -KILL $$")).signal, SIGKILL); }

TEST_F(ReaperTest, KeepsTheStatusOfAChildThatEndedBeforeAnyoneWaits) {
  const auto child = start("exit 5");
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child->pid()), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(wait(child).code, 5);
  EXPECT_EQ(wait(child).code, 5) << "and for a second one who asks";
}

TEST_F(ReaperTest, LosesNoneOfManyThatEndAtOnce) {
  std::vector<std::shared_ptr<Child>> children;
  for (int i = 0; i < 100; ++i) children.push_back(start("exit " + std::to_string(i)));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(wait(children[static_cast<std::size_t>(i)]).code, i);
  EXPECT_EQ(reaper.running(), 0U);
}

TEST_F(ReaperTest, ReapsOrphansThatNobodyHereStarted) {
  const pid_t stranger = ::fork();
  if (stranger == 0) ::_exit(0);
  EXPECT_EQ(wait(start("sleep 0.1")).code, 0);
  EXPECT_EQ(::waitpid(stranger, nullptr, WNOHANG), -1) << "it must be reaped already";
}

TEST_F(ReaperTest, KeepsTheEndOfAChildThatIsAdoptedAfterIt) {
  const std::uint64_t start = reaper.begin_start();
  const pid_t pid = spawn({{"sh", "-c", "exit 6"}, {}, "/"}).value().pid;
  EXPECT_EQ(wait(this->start("sleep 0.1")).code, 0);
  ASSERT_EQ(::waitpid(pid, nullptr, WNOHANG), -1) << "it must be reaped already";
  const auto child = reaper.adopt(pid);
  reaper.end_start(start);
  EXPECT_TRUE(child->ended());
  EXPECT_EQ(child->end().code, 6);
  EXPECT_EQ(reaper.running(), 0U);
}

TEST_F(ReaperTest, DoesNotTakeAnOrphanForAChildThatIsStartedLater) {
  const std::uint64_t failed = reaper.begin_start();
  const pid_t orphan = spawn({{"sh", "-c", "exit 6"}, {}, "/"}).value().pid;
  EXPECT_EQ(wait(start("sleep 0.1")).code, 0);
  const std::uint64_t later = reaper.begin_start();
  reaper.end_start(failed);
  // Its number again, as when the kernel has come round.
  EXPECT_FALSE(reaper.adopt(orphan)->ended());
  reaper.end_start(later);
}

TEST_F(ReaperTest, SignalsTheGroupOnlyWhileTheChildLives) {
  const auto child = start("sleep 100 & wait");
  child->signal_group(SIGTERM);
  EXPECT_EQ(wait(child).signal, SIGTERM);
  child->signal_group(SIGKILL);  // Its number may be another's now: nothing may be sent, nothing happens.
}

TEST_F(ReaperTest, AChildThatIsAdoptedAfterStopIsKilled) {
  reaper.stop();
  const pid_t pid = spawn({{"sleep", "100"}, {}, "/"}).value().pid;
  const auto child = reaper.adopt(pid);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST_F(ReaperTest, StopKillsWhatStillRuns) {
  const auto child = start("sleep 100");
  reaper.stop();
  EXPECT_EQ(child->end().signal, SIGKILL);
}

}  // namespace
}  // namespace snaphammer::guest
