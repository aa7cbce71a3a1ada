#include "lib/base/proc_file.h"

#include <cerrno>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"

namespace snaphammer {
namespace {

TEST(ProcFile, IsReadToItsEnd) {
  EXPECT_THAT(read_proc_file("/proc/self/stat"), testing::StartsWith(std::to_string(::getpid()) + " ("));
  EXPECT_THAT(read_proc_file("/proc/self/environ"), testing::HasSubstr("PATH="));
}

TEST(ProcFile, OfAProcessThatIsGoneIsEmpty) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(read_proc_file("/proc/" + std::to_string(child) + "/stat"), "");
}

// What a process that ends between open and read gives: the descriptor outlives it, the read fails with ESRCH.
TEST(ProcFile, ThatCannotBeReadIsEmpty) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const UniqueFd stat(::open(("/proc/" + std::to_string(child) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(stat);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  char byte = 0;
  ASSERT_EQ(::read(stat.get(), &byte, 1), -1);
  ASSERT_EQ(errno, ESRCH);
  EXPECT_EQ(read_proc_file("/proc/self/fd"), "") << "a directory: it can be opened and not be read";
}

}  // namespace
}  // namespace snaphammer
