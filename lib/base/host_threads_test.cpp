#include "lib/base/host_threads.h"

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

namespace snaphammer {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::IsEmpty;

TEST(HostThreads, EachHasItsNameAndState) {
  std::mutex mutex;
  std::condition_variable change;
  bool named = false;
  bool done = false;
  std::thread other([&] {
    ::pthread_setname_np(::pthread_self(), "a name (odd)");
    std::unique_lock lock(mutex);
    named = true;
    change.notify_all();
    change.wait(lock, [&] { return done; });
  });
  {
    std::unique_lock lock(mutex);
    change.wait(lock, [&] { return named; });
  }
  const std::vector<HostThread> threads = host_threads(::getpid());
  EXPECT_THAT(threads, Contains(AllOf(Field(&HostThread::id, ::getpid()), Field(&HostThread::state, 'R'),
                                      Field(&HostThread::debugger, 0))));
  EXPECT_THAT(threads, Contains(Field(&HostThread::name, "a name (odd)")));
  {
    const std::lock_guard lock(mutex);
    done = true;
    change.notify_all();
  }
  other.join();
}

TEST(HostThreads, OneThatASignalStoppedIsSaidToBe) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_EQ(::kill(child, SIGSTOP), 0);
  ASSERT_EQ(::waitpid(child, nullptr, WUNTRACED), child);
  EXPECT_THAT(host_threads(child), Contains(AllOf(Field(&HostThread::id, child), Field(&HostThread::state, 'T'))));
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_THAT(host_threads(child), IsEmpty());
}

}  // namespace
}  // namespace snaphammer
