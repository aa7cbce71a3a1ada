#include "lib/base/child_process.h"

#include <array>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "lib/base/testing/run_async.h"

namespace snaphammer {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string read_to_end(Pipe& pipe) {
  pipe.writer.reset();
  std::string text;
  std::array<char, 256> buffer{};
  for (ssize_t n; (n = ::read(pipe.reader.get(), buffer.data(), buffer.size())) > 0;) text.append(buffer.data(), n);
  return text;
}

Result<ExitStatus> wait(ChildProcess& child) { return run_async(with_deadline(10s, "wait", child.wait())); }

TEST(ChildProcess, ReportsHowItEnded) {
  ChildProcess exits = ChildProcess::spawn({.argv = {"sh", "-c", "exit 3"}}).value();
  EXPECT_EQ(wait(exits).value().describe(), "exited with status 3");
  ChildProcess dies = ChildProcess::spawn({.argv = {"sh", "-c", "kill -9 $$"}}).value();
  EXPECT_EQ(wait(dies).value().describe(), "was killed by signal 9 (Killed)");
  EXPECT_EQ(dies.poll().value()->signal, 9);
}

TEST(ChildProcess, IsGoneWhenKillReturnsAlsoAfterSomebodyHasWaitedForIt) {
  ChildProcess child = ChildProcess::spawn({.argv = {"sleep", "1000"}}).value();
  EXPECT_FALSE(run_async(with_deadline(1ms, "wait", child.wait())));
  child.kill();
  EXPECT_EQ(child.poll().value()->signal, SIGKILL);
  EXPECT_EQ(::kill(child.pid(), 0), -1) << "is not reaped";
}

TEST(ChildProcess, AMissingProgramIsAnErrorAtTheStart) {
  EXPECT_EQ(ChildProcess::spawn({.argv = {"no-such-program"}}).error().kind(), ErrorKind::kUnfit);
  EXPECT_FALSE(ChildProcess::spawn({.argv = {"/no/such/program"}}));
}

TEST(ChildProcess, GetsItsStreamsEnvironmentAndInheritedDescriptors) {
  Pipe output = make_pipe();
  Pipe extra = make_pipe();
  // The targets are each other's sources: the order of duplication must not matter.
  const int a = output.writer.get();
  const int b = extra.writer.get();
  ChildProcess child =
      ChildProcess::spawn(
          {.argv = {"sh", "-c", "echo $GREETING; echo a >&" + std::to_string(b) + "; echo b >&" + std::to_string(a)},
           .environment = {{"GREETING", "hello"}},
           .inherit = {{a, b}, {b, a}},
           .output = a})
          .value();
  EXPECT_TRUE(wait(child).value().success());
  EXPECT_EQ(read_to_end(output), "hello\na\n");
  EXPECT_EQ(read_to_end(extra), "b\n");
}

TEST(ChildProcess, InheritsNothingElse) {
  Pipe output = make_pipe();
  ChildProcess child =
      ChildProcess::spawn({.argv = {"sh", "-c", "ls /proc/self/fd | wc -l"}, .output = output.writer.get()}).value();
  EXPECT_TRUE(wait(child).value().success());
  EXPECT_EQ(read_to_end(output), "4\n");  // 0, 1, 2 and the one that ls reads.
}

TEST(ChildProcess, IsGoneWithItsOwner) {
  pid_t pid = 0;
  {
    const ChildProcess child = ChildProcess::spawn({.argv = {"sleep", "1000"}}).value();
    pid = child.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(ChildProcess, IsKilledWhenTheThreadThatStartedItEnds) {
  ChildProcess child;
  std::thread([&] { child = ChildProcess::spawn({.argv = {"sleep", "1000"}}).value(); }).join();
  EXPECT_EQ(wait(child).value().signal, SIGKILL);
}

TEST(ChildProcess, AWaitCanBeGivenUpAndTakenUpAgain) {
  ChildProcess child = ChildProcess::spawn({.argv = {"sleep", "1000"}}).value();
  EXPECT_EQ(run_async(with_deadline(5ms, "wait", child.wait())).error().kind(), ErrorKind::kTimeout);
  ASSERT_TRUE(child.signal(SIGTERM));
  EXPECT_EQ(wait(child).value().signal, SIGTERM);
}

}  // namespace
}  // namespace snaphammer
