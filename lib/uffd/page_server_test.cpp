// What a guest sees of its memory when nothing races.
#include "lib/uffd/page_server.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/uffd/testing/server_fixture.h"

namespace snaphammer::uffd {
namespace {

using testing::ElementsAre;

class PageServerTest : public ServerFixture {};
INSTANTIATE_TEST_SUITE_P(Memory, PageServerTest, kEveryKind, kind_name);

TEST_P(PageServerTest, ServesEachPageOnDemand) {
  restore(on_demand());
  for (std::size_t i = 0; i < kPages; ++i) {
    EXPECT_EQ(state(i), PageState::kMissing);
    EXPECT_FALSE(is_mapped(i));
    EXPECT_EQ(page(i), i < kDataPages ? pattern_page(i) : zero_page());
    EXPECT_TRUE(is_mapped(i));
    EXPECT_EQ(state(i), PageState::kPresent);
  }
  ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));
  const Stats stats = server_->stats();
  EXPECT_EQ(stats.faults, kPages);
  EXPECT_EQ(stats.copied_pages, kDataPages * page_size() / kPageSize);
  EXPECT_EQ(stats.zero_pages, (kPages - kDataPages) * page_size() / kPageSize);
  EXPECT_EQ(stats.fault_latency.count, kPages);
  EXPECT_GT(stats.fault_latency.p50.count(), 0);
  EXPECT_TRUE(server_->unresolved_faults(Duration(0)).empty());
}

TEST_P(PageServerTest, KeepsWhatTheGuestWrites) {
  restore(on_demand());
  vmm_->write(nth(3), 42);
  FakeVmm::Page expected = pattern_page(3);
  expected[0] = 42;
  EXPECT_EQ(page(3), expected);
}

TEST_P(PageServerTest, ServesManyThreadsAtOnce) {
  restore(on_demand());
  std::vector<std::shared_future<FakeVmm::Page>> touched;
  for (int round = 0; round < 4; ++round) {
    for (std::size_t i = 0; i < kPages; ++i) touched.push_back(vmm_->touch(nth(i)));
  }
  for (std::size_t t = 0; t < touched.size(); ++t) {
    ASSERT_EQ(touched[t].wait_for(std::chrono::seconds(30)), std::future_status::ready);
    const std::size_t i = t % kPages;
    EXPECT_EQ(touched[t].get(), i < kDataPages ? pattern_page(i) : zero_page());
  }
}

TEST_P(PageServerTest, RemovedPageReadsAsZerosEachTime) {
  restore(on_demand());
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(page(2), round == 0 ? pattern_page(2) : zero_page());
    vmm_->write(nth(2), 42);
    ASSERT_TRUE(remove(2));
    EXPECT_EQ(state(2), PageState::kRemoved);
    EXPECT_FALSE(is_mapped(2));
  }
  EXPECT_EQ(page(2), zero_page());
  EXPECT_EQ(server_->stats().removes, 3u);
}

TEST_P(PageServerTest, PageRemovedBeforeItsFirstTouchReadsAsZeros) {
  restore(on_demand());
  ASSERT_TRUE(remove(1, 3));
  for (const std::size_t i : {1, 2, 3}) EXPECT_EQ(page(i), zero_page());
  EXPECT_EQ(page(0), pattern_page(0));
  EXPECT_EQ(page(4), pattern_page(4));
}

TEST_P(PageServerTest, IgnoringRemoveHandsOldBytesBack) {
  Policy policy = on_demand();
  policy.on_remove = OnRemove::kIgnore;
  restore(policy);
  EXPECT_EQ(page(2), pattern_page(2));
  vmm_->write(nth(2), 42);
  ASSERT_TRUE(remove(2));
  EXPECT_FALSE(is_mapped(2));
  EXPECT_EQ(page(2), pattern_page(2));
}

TEST_P(PageServerTest, StoppingAtRemoveFreezesTheGuestAtItsNextFault) {
  Policy policy = on_demand();
  policy.on_remove = OnRemove::kStop;
  restore(policy);
  EXPECT_EQ(page(2), pattern_page(2));
  ASSERT_TRUE(remove(2));
  const auto touched = vmm_->touch(nth(3));
  EXPECT_TRUE(vmm_->await_unread_event());
  EXPECT_EQ(server_->drain(std::chrono::seconds(30)).error().kind(), ErrorKind::kUnavailable);
  EXPECT_TRUE(vmm_->await_unread_event());
  EXPECT_EQ(server_->waiting_faults().value().unread, 1u);
  EXPECT_TRUE(server_->unresolved_faults({}).empty()) << "the server cannot know of it";
  EXPECT_NE(touched.wait_for(std::chrono::seconds(0)), std::future_status::ready);
}

TEST_P(PageServerTest, PrefetchInstallsAllDataAndLeavesZerosToTheirFaults) {
  restore({});
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  EXPECT_EQ(server_->stats().prefetched_pages, kDataPages * page_size() / kPageSize);
  for (std::size_t i = 0; i < kPages; ++i) {
    EXPECT_EQ(is_mapped(i), i < kDataPages);
    EXPECT_EQ(state(i), i < kDataPages ? PageState::kPresent : PageState::kMissing);
  }
  EXPECT_EQ(server_->stats().faults, 0u);
  for (std::size_t i = 0; i < kPages; ++i) EXPECT_EQ(page(i), i < kDataPages ? pattern_page(i) : zero_page());
}

TEST_P(PageServerTest, PrefetchWorksAroundPagesThatAreThereAlready) {
  start_server({});
  vmm_ = std::make_unique<FakeVmm>(GetParam(), region_sizes());
  ASSERT_TRUE(vmm_->plant(nth(0), 7));
  ASSERT_TRUE(vmm_->plant(nth(4), 7));
  ASSERT_TRUE(vmm_->plant(nth(kDataPages - 1), 7));
  ASSERT_TRUE(vmm_->hand_off(socket()));
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  const FakeVmm::Page planted(page_size() / 8, 7);
  for (std::size_t i = 0; i < kDataPages; ++i) {
    EXPECT_TRUE(is_mapped(i));
    EXPECT_EQ(page(i), i == 0 || i == 4 || i == kDataPages - 1 ? planted : pattern_page(i));
  }
  EXPECT_EQ(server_->stats().prefetched_pages, (kDataPages - 3) * page_size() / kPageSize);
}

TEST_P(PageServerTest, PageStatesCoverTheMemoryFile) {
  start_server(on_demand());
  EXPECT_THAT(server_->page_states(), ElementsAre(StateRun{{0, memory_size()}, PageState::kMissing}));
  restore(on_demand());
  EXPECT_EQ(page(0), pattern_page(0));
  EXPECT_EQ(page(5), pattern_page(5));
  EXPECT_EQ(page(6), pattern_page(6));
  ASSERT_TRUE(remove(6, 2));
  ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));
  EXPECT_THAT(
      server_->page_states(),
      ElementsAre(StateRun{{0, nth(1)}, PageState::kPresent}, StateRun{{nth(1), nth(4)}, PageState::kMissing},
                  StateRun{{nth(5), nth(1)}, PageState::kPresent}, StateRun{{nth(6), nth(2)}, PageState::kRemoved},
                  StateRun{{nth(8), memory_size() - nth(8)}, PageState::kMissing}));
}

TEST_P(PageServerTest, LeavesZerosToTheKernelWhenAsked) {
  zeros_to_kernel_ = true;
  restore(on_demand());
  for (std::size_t i = 0; i < kPages; ++i) {
    EXPECT_EQ(page(i), i < kDataPages ? pattern_page(i) : zero_page());
    EXPECT_EQ(state(i), i < kDataPages ? PageState::kPresent : PageState::kRemoved);
  }
  vmm_->write(nth(kDataPages), 42);
  ASSERT_TRUE(remove(kDataPages - 1, 2));
  EXPECT_EQ(page(kDataPages - 1), zero_page());
  EXPECT_EQ(page(kDataPages), zero_page());
  ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));
  const Stats stats = server_->stats();
  EXPECT_EQ(stats.faults, kDataPages + 1) << "those on data, and on the data page that was removed";
  EXPECT_EQ(stats.removed_pages, page_size() / kPageSize);
}

TEST_P(PageServerTest, LeavesOnlyWholeHostPagesOfZerosToTheKernel) {
  zeros_to_kernel_ = true;
  // Data begins in the middle of the last host page, if that is large.
  const ByteCount last = memory_size() - kPageSize;
  restore(on_demand(), std::make_shared<PatternSource>(memory_size(), std::vector<Extent>{{last, kPageSize}}));
  EXPECT_EQ(state(0), PageState::kRemoved);
  EXPECT_EQ(state(kPages - 1), PageState::kMissing);
  EXPECT_EQ(page(kPages - 1).value().back(), pattern_word(memory_size() - 8));
}

TEST_P(PageServerTest, DrainReturnsWhenEveryRemoveThatWasReadableIsApplied) {
  restore(on_demand());
  EXPECT_EQ(page(1), pattern_page(1));
  ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));
  Stall reading("uffd.before_read", Stall::kAll);  // The server's own threads come too late.
  const auto removed = vmm_->start_remove(nth(1), page_size());
  ASSERT_TRUE(vmm_->await_remove_raised());
  EXPECT_EQ(state_now(1), PageState::kPresent);
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
  EXPECT_EQ(state_now(1), PageState::kRemoved);
  EXPECT_TRUE(removed.get());
}

TEST_P(PageServerTest, DrainReportsAFaultThatCannotBeResolvedInTime) {
  restore(on_demand());
  Stall copying("uffd.before_copy", Stall::kFirst);
  const auto touched = vmm_->touch(nth(1));
  ASSERT_TRUE(copying.await_reached());
  EXPECT_EQ(server_->drain(std::chrono::milliseconds(20)).error().kind(), ErrorKind::kTimeout);
  ASSERT_EQ(server_->unresolved_faults(std::chrono::milliseconds(20)).size(), 1u);
  EXPECT_TRUE(server_->unresolved_faults(std::chrono::hours(1)).empty());
  copying.release();
  EXPECT_EQ(touched.get(), pattern_page(1));
  EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
  EXPECT_TRUE(server_->unresolved_faults(Duration(0)).empty());
}

TEST_P(PageServerTest, NothingIsInstalledWhileItStandsStill) {
  restore(on_demand());
  std::shared_future<FakeVmm::Page> touched;
  {
    const Standstill still = server_->stand_still(std::chrono::seconds(30)).value();
    touched = vmm_->touch(nth(3));
    EXPECT_TRUE(vmm_->await_unread_event());
    EXPECT_EQ(state_now(3), PageState::kMissing);
    EXPECT_EQ(server_->stats().faults, 0u);
  }
  ASSERT_EQ(touched.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(touched.get(), pattern_page(3));
}

TEST_P(PageServerTest, ASuspendedServerDoesNothingUntilItIsResumed) {
  restore(on_demand());
  server_->suspend();
  const auto touched = vmm_->touch(nth(1));
  ASSERT_TRUE(vmm_->await_unread_event());
  EXPECT_EQ(server_->drain(std::chrono::milliseconds(20)).error().kind(), ErrorKind::kTimeout);
  EXPECT_FALSE(is_mapped(1));
  EXPECT_EQ(server_->waiting_faults()->unread, 1u);
  server_->resume();
  EXPECT_EQ(touched.get(), pattern_page(1));
}

TEST_P(PageServerTest, ASuspendedServerCanBeStopped) {
  restore(on_demand());
  server_->suspend();
  const auto touched = vmm_->touch(nth(1));
  ASSERT_TRUE(vmm_->await_unread_event());
  server_->stop();
  EXPECT_TRUE(seen(Kind::kStopped));
  EXPECT_NE(touched.wait_for(std::chrono::seconds(0)), std::future_status::ready);
}

TEST_P(PageServerTest, UnmappedMemoryIsNoLongerServed) {
  extra_features_ = UFFD_FEATURE_EVENT_UNMAP;
  restore(on_demand());
  ASSERT_EQ(::munmap(vmm_->at(nth(6)), memory_size() - nth(6)), 0);
  vmm_->forget_region(1);
  EXPECT_EQ(page(2), pattern_page(2));
  EXPECT_EQ(server_->stats().unmaps, 1u);
}

// ThreadSanitizer holds its locks across fork(), which here waits for another thread of this process.
#ifndef __SANITIZE_THREAD__
TEST_P(PageServerTest, AForkOfTheVmmIsNotServedAndChangesNothingForIt) {
  extra_features_ = UFFD_FEATURE_EVENT_FORK;
  restore(on_demand());
  const pid_t child = ::fork();  // Returns when the event was read.
  if (child == 0) ::_exit(0);
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));  // What was read has been applied, too.
  EXPECT_EQ(server_->stats().forks, 1u);
  EXPECT_EQ(page(2), pattern_page(2));
}
#endif

TEST_P(PageServerTest, MovedMemoryIsServedAtItsNewPlace) {
  extra_features_ = UFFD_FEATURE_EVENT_REMAP;
  restore(on_demand());
  EXPECT_EQ(page(6), pattern_page(6));
  const std::size_t length = memory_size() - nth(6);
  void* place = ::mmap(nullptr, length + 2_MiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(place, MAP_FAILED);
  const auto aligned = (reinterpret_cast<std::uintptr_t>(place) + 2_MiB - 1) / 2_MiB * 2_MiB;
  void* moved = ::mremap(vmm_->at(nth(6)), length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
                         reinterpret_cast<void*>(aligned));  // NOLINT: an address
  ASSERT_NE(moved, MAP_FAILED) << std::strerror(errno);
  vmm_->forget_region(1);
  auto touched = std::async(std::launch::async, [&] {
    FakeVmm::Page page(page_size() / 8);
    std::memcpy(page.data(), static_cast<std::byte*>(moved) + page_size(), page_size());
    return page;
  });
  EXPECT_EQ(touched.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(touched.get(), pattern_page(7));
  EXPECT_EQ(server_->stats().remaps, 1u);
  ::munmap(place, length + 2_MiB);
}

}  // namespace
}  // namespace snaphammer::uffd
