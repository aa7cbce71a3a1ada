#include "harness/engine/process_lock.h"

#include <array>
#include <functional>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

// A pipe between a test and the processes that it forks.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void say(char what) const { EXPECT_EQ(::write(ends_[1], &what, 1), 1); }
  /// The next character that anybody said.
  char hear() const {
    char what = 0;
    EXPECT_EQ(::read(ends_[0], &what, 1), 1);
    return what;
  }

 private:
  std::array<int, 2> ends_{};
};

class ProcessLockTest : public testing::Test {
 protected:
  fs::path file() const { return directory_ / "lock"; }

  // Another process, which takes the lock, says so, does `then`, and waits until it is killed.
  pid_t holder(
      const Pipe& says, const std::function<void()>& then = [] {}) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    const Result<ProcessLock> lock = ProcessLock::take(file());
    if (!lock) ::_exit(1);
    then();
    says.say('h');
    while (true) ::pause();
  }
  static void kill(pid_t process) {
    ::kill(process, SIGKILL);
    EXPECT_EQ(::waitpid(process, nullptr, 0), process);
  }

  TemporaryDirectory directory_;
};

TEST_F(ProcessLockTest, IsTakenAndGivenBackWithoutATrace) {
  {
    const Result<ProcessLock> lock = ProcessLock::take(file());
    ASSERT_TRUE(lock) << lock.error().describe();
    EXPECT_TRUE(fs::exists(file()));
  }
  EXPECT_FALSE(fs::exists(file()));
  EXPECT_TRUE(ProcessLock::take(file()));
}

TEST_F(ProcessLockTest, IsHeldByItsLastOwner) {
  Result<ProcessLock> first = ProcessLock::take(file());
  {
    const ProcessLock second = std::move(*first);
    EXPECT_FALSE(*first);
    EXPECT_FALSE(ProcessLock::take(file()));
  }
  EXPECT_TRUE(ProcessLock::take(file()));
}

TEST_F(ProcessLockTest, AProcessCannotTakeItTwiceNorLoseItByTrying) {
  const Result<ProcessLock> lock = ProcessLock::take(file());
  const Result<ProcessLock> again = ProcessLock::take(file());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(again.error().message(), HasSubstr("this process"));
  const pid_t other = ::fork();
  if (other == 0) ::_exit(ProcessLock::take(directory_ / "." / "lock") ? 1 : 0);
  int status = -1;
  EXPECT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0) << "another process got it";
}

TEST_F(ProcessLockTest, WhoHasItIsSaid) {
  const Pipe says;
  const pid_t other = holder(says);
  says.hear();
  const Result<ProcessLock> lock = ProcessLock::take(file());
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(lock.error().message(), AllOf(HasSubstr(file()), HasSubstr("process " + std::to_string(other))));
  kill(other);
}

TEST_F(ProcessLockTest, EndsWithAProcessThatIsKilled) {
  const Pipe says;
  const pid_t other = holder(says);
  says.hear();
  kill(other);
  EXPECT_TRUE(fs::exists(file()));
  EXPECT_TRUE(ProcessLock::take(file()));
}

// As a process does that another one is just starting: it has all descriptors until it runs its own program.
TEST_F(ProcessLockTest, EndsWithItsProcessAlthoughAChildOfItGoesOn) {
  const Pipe says;
  const Pipe until;
  const pid_t other = holder(says, [&] {
    if (::fork() != 0) return;
    says.say('c');
    until.hear();
    says.say('e');
    ::_exit(0);
  });
  const std::string heard{says.hear(), says.hear()};
  EXPECT_THAT(heard, testing::AnyOf("hc", "ch"));
  kill(other);
  const Result<ProcessLock> lock = ProcessLock::take(file());
  EXPECT_TRUE(lock) << lock.error().describe();
  until.say('.');
  EXPECT_EQ(says.hear(), 'e');
}

TEST_F(ProcessLockTest, OneWhoseDirectoryAnotherProcessHasMadeAnewIsNotRemovedFromIt) {
  Result<ProcessLock> mine = ProcessLock::take(file());
  ASSERT_TRUE(mine);
  fs::remove(file());
  const Pipe says;
  const pid_t other = holder(says);
  says.hear();
  { const ProcessLock ends = std::move(*mine); }
  EXPECT_TRUE(fs::exists(file()));
  EXPECT_FALSE(ProcessLock::take(file()));
  kill(other);
}

TEST_F(ProcessLockTest, AFileThatCannotBeMadeIsAnError) {
  const Result<ProcessLock> lock = ProcessLock::take(directory_ / "no-such-directory" / "lock");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().kind(), ErrorKind::kIo);
}

}  // namespace
}  // namespace snaphammer::engine
