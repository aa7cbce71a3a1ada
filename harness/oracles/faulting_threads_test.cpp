// On this process's own threads and a userfaultfd that nobody reads.
#include "harness/oracles/faulting_threads.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "lib/uffd/testing/fake_vmm.h"

namespace snaphammer::oracles {
namespace {

using uffd::FakeVmm;

FaultingThreads await_faulting(std::size_t count) {
  const TimePoint deadline = SteadyClock::now() + std::chrono::seconds(30);
  FaultingThreads threads = faulting_threads(::getpid());
  while (threads.size() != count && SteadyClock::now() < deadline) threads = faulting_threads(::getpid());
  return threads;
}

TEST(FaultingThreads, AreThoseThatWaitForAPage) {
  FakeVmm vmm({.shared = true}, {64_KiB});
  EXPECT_TRUE(faulting_threads(::getpid()).empty());
  const auto one = vmm.touch(0);
  EXPECT_EQ(await_faulting(1).size(), 1u);
  const auto other = vmm.touch(4_KiB);
  EXPECT_EQ(await_faulting(2).size(), 2u);
  ASSERT_TRUE(vmm.plant(0, 1));
  EXPECT_EQ(await_faulting(1).size(), 1u) << "a page that came lets its thread go";
}

TEST(FaultingThreads, OneThatWaitsAtAnotherPageDoesNotStillWait) {
  FakeVmm vmm({.shared = true}, {64_KiB});
  const auto stuck = vmm.touch(0);
  const FaultingThreads before = await_faulting(1);
  EXPECT_EQ(still_waiting(before, await_faulting(1)), before);
  FaultingThreads moved = before;
  ++moved.begin()->second.switches;
  EXPECT_TRUE(still_waiting(before, moved).empty());
  EXPECT_TRUE(still_waiting(before, {}).empty());
}

TEST(FaultingThreads, AProcessThatIsGoneHasNone) { EXPECT_TRUE(faulting_threads(0x3fffffff).empty()); }

}  // namespace
}  // namespace snaphammer::oracles
