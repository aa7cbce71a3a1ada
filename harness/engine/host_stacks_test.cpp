// On processes that hang as VMMs do.
#include "harness/engine/host_stacks.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/engine/debugger.h"
#include "lib/base/child_process.h"
#include "lib/base/host_threads.h"
#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr Duration kFarTooLong = 60s;
constexpr const char* kDeaf = "userfaultfd_event_wait_completion";

class HungProcess {
 public:
  explicit HungProcess(const char* kind) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
    const UniqueFd its_input(in[0]);
    const UniqueFd its_output(out[1]);
    input_.reset(in[1]);
    child_ = ChildProcess::spawn({.argv = {HUNG_PROCESS, kind}, .input = in[0], .output = out[1]}).value();
    const UniqueFd said(out[0]);
    char byte = 0;
    if (::read(said.get(), &byte, 1) != 1) std::abort();
    const pid_t pid = child_.pid();
    process_ = std::move(processes_where([pid](const Process& process) { return process.pid == pid; }).at(0));
    const auto sleeps = [](const HostThread& thread) { return !thread.sleeps_in.empty(); };
    while (!std::ranges::all_of(host_threads(pid), sleeps)) ::usleep(1000);
  }

  const Process& process() const { return process_; }
  std::vector<Process> alone() const {
    const pid_t pid = process_.pid;
    return processes_where([pid](const Process& process) { return process.pid == pid; });
  }
  void stop() {
    EXPECT_TRUE(child_.signal(SIGSTOP));
    await_stopped();
  }
  bool await_stopped() const {
    const TimePoint give_up = SteadyClock::now() + kFarTooLong;
    while (!process_.is_stopped() && SteadyClock::now() < give_up) ::usleep(1000);
    return process_.is_stopped();
  }
  void go_on() { EXPECT_TRUE(child_.signal(SIGCONT)); }
  // Lets it end, which one that stands still does not.
  bool ends_well(asio::io_context& context) {
    input_.reset();
    const auto status = run_async(context, with_deadline(kFarTooLong, "hung process", child_.wait()));
    return status && status->success();
  }

 private:
  UniqueFd input_;
  ChildProcess child_;
  Process process_;
};

class HostStacks : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/gdb", X_OK) != 0) GTEST_SKIP() << "gdb is not installed";
  }

  std::string user_stacks(std::vector<Process> processes, Duration limit = kFarTooLong) {
    const fs::path file = directory_ / "stacks.txt";
    std::ofstream(file) << "";
    run_awaitable(context_, append_user_stacks(std::move(processes), limit, file));
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  // Whatever its threads do.
  std::string debug(const Process& process, Duration limit) {
    const UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    return run_awaitable(context_, print_user_stacks(process, limit, nowhere.get()));
  }

  TemporaryDirectory directory_;
  asio::io_context context_;
};

TEST_F(HostStacks, AProcessShowsItsUserStacksAndGoesOn) {
  HungProcess calm("calm");
  EXPECT_THAT(user_stacks(calm.alone()), AllOf(HasSubstr("hung_process calm)\n"), HasSubstr("main (")));
  EXPECT_TRUE(calm.ends_well(context_));
}

// As of a VMM whose page-fault handler does not read: gdb waits for such a thread for ever, and all others stand still.
TEST_F(HostStacks, AProcessWithAThreadThatTakesNoSignalIsLeftAlone) {
  HungProcess hung("discard");
  EXPECT_THAT(user_stacks(hung.alone(), 5s), AllOf(HasSubstr("a debugger would wait for"), HasSubstr(kDeaf),
                                                   Not(HasSubstr("main (")), Not(HasSubstr("not done within"))));
  EXPECT_TRUE(hung.ends_well(context_));
}

TEST_F(HostStacks, TheKernelSaysWhereEveryThreadSleeps) {
  HungProcess hung("discard");
  std::ostringstream text;
  write_kernel_side(hung.process(), text);
  EXPECT_THAT(text.str(), AllOf(HasSubstr("', state S, in "), HasSubstr(std::string("', state D, in ") + kDeaf),
                                HasSubstr(", system call ")));
}

TEST_F(HostStacks, ADebuggerThatHadToBeKilledLeavesNothingStopped) {
  HungProcess hung("discard");
  EXPECT_THAT(debug(hung.process(), 3s), HasSubstr("not done within 3s"));
  EXPECT_TRUE(hung.ends_well(context_));
}

TEST_F(HostStacks, WhatStoodStillBeforeStillDoes) {
  HungProcess calm("calm");
  calm.stop();
  EXPECT_THAT(user_stacks(calm.alone()), HasSubstr("main ("));
  EXPECT_TRUE(calm.process().is_stopped());
  calm.go_on();
  EXPECT_TRUE(calm.ends_well(context_));

  HungProcess hung("discard");
  hung.stop();
  EXPECT_THAT(debug(hung.process(), 3s), HasSubstr("not done within 3s"));
  EXPECT_TRUE(hung.await_stopped());
  hung.go_on();
  EXPECT_TRUE(hung.ends_well(context_));
}

TEST_F(HostStacks, AProcessThatIsDebuggedAlreadyIsLeftToThatDebugger) {
  HungProcess calm("calm");
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, calm.process().pid, nullptr, nullptr), 0);
  EXPECT_THAT(user_stacks(calm.alone()), HasSubstr("process " + std::to_string(::getpid()) + " debugs it already"));
}

class OtherDebuggers : public HostStacks {
 protected:
  void SetUp() override { ::setenv("PATH", (directory_ / "bin").c_str(), 1); }
  void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }

  const std::string path_ = ::getenv("PATH");
};

TEST_F(OtherDebuggers, WithoutGdbItIsEuStack) {
  const fs::path program = directory_ / "bin" / "eu-stack";
  fs::create_directories(program.parent_path());
  std::ofstream(program) << "#!/bin/sh\necho as eu-stack $*\n";
  ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
  HungProcess calm("calm");
  EXPECT_THAT(user_stacks(calm.alone()), HasSubstr("as eu-stack -n 64 -p " + std::to_string(calm.process().pid)));
}

TEST_F(OtherDebuggers, WithoutAnyThereIsALineThatSaysSo) {
  HungProcess calm("calm");
  EXPECT_THAT(user_stacks(calm.alone()), HasSubstr("neither gdb nor eu-stack is installed"));
}

}  // namespace
}  // namespace snaphammer::engine
