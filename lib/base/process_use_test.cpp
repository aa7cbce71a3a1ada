#include "lib/base/process_use.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"

namespace snaphammer {
namespace {

ProcessUse own_use() { return process_use(::getpid()).value(); }

pid_t start_sleeper() {
  pid_t pid = -1;
  char program[] = "sleep";
  char seconds[] = "1000";
  char* const arguments[] = {program, seconds, nullptr};
  EXPECT_EQ(::posix_spawnp(&pid, program, nullptr, nullptr, arguments, environ), 0);
  return pid;
}

TEST(ProcessUse, CountsDescriptorsExactly) {
  const ProcessUse before = own_use();
  const UniqueFd one(::open("/dev/null", O_RDONLY));
  const UniqueFd other(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(own_use().descriptors, before.descriptors + 2);
}

TEST(ProcessUse, CountsThreads) {
  std::thread([] {}).join();  // With the first one a sanitizer starts one of its own.
  const ProcessUse before = own_use();
  std::atomic<bool> end = false;
  std::thread thread([&] { end.wait(false); });
  EXPECT_EQ(own_use().threads, before.threads + 1);
  end = true;
  end.notify_all();
  thread.join();
}

TEST(ProcessUse, CountsChildrenUntilTheyAreWaitedFor) {
  const ProcessUse before = own_use();
  const pid_t child = start_sleeper();
  EXPECT_EQ(own_use().children, before.children + 1);
  ::kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0) << "it is a zombie now";
  EXPECT_EQ(own_use().children, before.children + 1);
  EXPECT_GE(zombies(), 1U);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(own_use().children, before.children);
}

TEST(ProcessUse, SeesMemoryThatIsTouched) {
  const ProcessUse before = own_use();
  const Mapping memory = Mapping::map(64_MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS).value();
  EXPECT_LT(own_use().resident, before.resident + 32_MiB);
  std::memset(memory.data(), 1, memory.size());
  EXPECT_GE(own_use().resident, before.resident + 60_MiB);
}

TEST(ProcessUse, SeesAnotherProcess) {
  const pid_t child = start_sleeper();
  const auto use = process_use(child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_TRUE(use);
  EXPECT_EQ(use->threads, 1U);
  EXPECT_EQ(use->children, 0U);
  EXPECT_FALSE(process_use(child)) << "it is gone";
}

}  // namespace
}  // namespace snaphammer
