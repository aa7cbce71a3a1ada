// Every order in which a fault, a copy, a REMOVE and a stop can meet, forced by failpoints. Each order is run with the
// right policy, and with the wrong one that it is meant to expose: a test that cannot fail shows nothing.
#include <gmock/gmock.h>
#include <unistd.h>

#include "lib/uffd/guest_memory.h"
#include "lib/uffd/testing/file_source.h"
#include "lib/uffd/testing/server_fixture.h"

namespace snaphammer::uffd {
namespace {

using testing::Contains;
using testing::HasSubstr;

class RacesTest : public ServerFixture {
 protected:
  static constexpr std::size_t kPage = 2;
  static constexpr std::size_t kOther = 4;

  static bool is_ready(const auto& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  static bool becomes_ready(const auto& future) {
    return future.wait_for(std::chrono::seconds(30)) == std::future_status::ready;
  }

  /// A fault on kPage is read and decided, then kPage is removed, then the decision is carried out.
  FakeVmm::Page remove_between_fault_and_copy(Policy policy) {
    restore(policy);
    Stall copying("uffd.before_copy", Stall::kFirst);
    const auto touched = vmm_->touch(nth(kPage));
    EXPECT_TRUE(copying.await_reached());
    EXPECT_TRUE(remove(kPage)) << "reading must go on while a fault is being served";
    copying.release();
    EXPECT_TRUE(becomes_ready(touched));
    return touched.get();
  }

  /// A fault on kPage and its REMOVE are read together; the discard is complete before the fault is served.
  FakeVmm::Page read_fault_together_with_its_remove(Policy policy) {
    restore(policy);
    Stall reading("uffd.before_read", Stall::kAll);
    Stall copying("uffd.before_copy", Stall::kFirst);
    const auto touched = vmm_->touch(nth(kPage));
    EXPECT_TRUE(reading.await_reached(1));
    const auto removed = vmm_->start_remove(nth(kPage), page_size());
    EXPECT_TRUE(vmm_->await_remove_raised());
    reading.release();
    EXPECT_TRUE(copying.await_reached());
    EXPECT_TRUE(becomes_ready(removed));
    copying.release();
    EXPECT_TRUE(becomes_ready(touched));
    return touched.get();
  }

  /// A fault on kPage is about to be copied when `removed_page` is being removed: the kernel refuses the copy.
  std::shared_future<FakeVmm::Page> remove_during_copy(Policy policy, std::size_t removed_page) {
    restore(policy);
    Stall copying("uffd.in_copy", Stall::kFirst);
    const auto touched = vmm_->touch(nth(kPage));
    EXPECT_TRUE(copying.await_reached());
    removed_ = vmm_->start_remove(nth(removed_page), page_size());
    EXPECT_TRUE(vmm_->await_remove_raised());
    EXPECT_FALSE(is_ready(removed_)) << "a discard must not go on while a copy is decided and not done";
    copying.release();
    return touched;
  }

  /// Waits for `condition`, which something that is under way will make true.
  static bool eventually(const std::function<bool()>& condition) {
    const TimePoint deadline = SteadyClock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (SteadyClock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  /// Every page of four is discarded and touched again and again, while all of memory is prefetched.
  void storm(std::shared_ptr<const PageSource> source) {
    Policy policy;
    policy.prefetch_chunk = page_size();
    restore(policy, std::move(source));
    std::vector<std::shared_future<FakeVmm::Page>> touched;
    std::vector<std::shared_future<bool>> removed;
    for (int round = 0; round < 20; ++round) {
      for (std::size_t i = 0; i < 4; ++i) {
        removed.push_back(vmm_->start_remove(nth(i), page_size()));
        touched.push_back(vmm_->touch(nth((i + 1) % 4)));
      }
    }
    for (const auto& each : removed) ASSERT_TRUE(becomes_ready(each));
    for (const auto& each : touched) ASSERT_TRUE(becomes_ready(each));
    ASSERT_TRUE(await_event(Kind::kPrefetched));
    ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(page(i), zero_page());
      EXPECT_EQ(state(i), PageState::kPresent);
      EXPECT_TRUE(is_mapped(i));
    }
    EXPECT_TRUE(server_->unresolved_faults(Duration(0)).empty());
  }

  /// The file of the bytes that are about to be copied at `failpoint` is cut off.
  void expect_corrupt_when_cut_off_at(std::string_view failpoint, Policy policy) {
    const auto file = std::make_shared<FileSource>(memory_size());
    Stall copying(failpoint, Stall::kFirst);
    restore(policy, file);
    std::shared_future<FakeVmm::Page> touched;
    if (policy.prefetch == Prefetch::kOff) touched = vmm_->touch(nth(kPage));
    EXPECT_TRUE(copying.await_reached());
    file->resize(0);
    copying.release();
    ASSERT_TRUE(await_event(Kind::kPageFailed));
    EXPECT_EQ(error_of(Kind::kPageFailed)->kind(), ErrorKind::kCorrupt);
    EXPECT_THAT(error_of(Kind::kPageFailed)->message(), HasSubstr("cut off"));
  }

  std::shared_future<bool> removed_;
};
INSTANTIATE_TEST_SUITE_P(Memory, RacesTest, kEveryKind, kind_name);

TEST_P(RacesTest, BytesCutOffBeforeTheyAreCopiedAreDamage) {
  expect_corrupt_when_cut_off_at("uffd.in_copy", on_demand());
  expect_corrupt_when_cut_off_at("uffd.prefetch.in_copy", {});
}

TEST_P(RacesTest, PageRemovedBetweenFaultAndCopyReadsAsZeros) {
  EXPECT_EQ(remove_between_fault_and_copy(on_demand()), zero_page());
  EXPECT_TRUE(is_mapped(kPage));
  EXPECT_EQ(state(kPage), PageState::kPresent);
}

TEST_P(RacesTest, PageRemovedBetweenFaultAndCopyIsStaleWhenRemovesAreIgnored) {
  Policy policy = on_demand();
  policy.on_remove = OnRemove::kIgnore;
  EXPECT_EQ(remove_between_fault_and_copy(policy), pattern_page(kPage));
}

TEST_P(RacesTest, FaultReadTogetherWithItsRemoveReadsAsZeros) {
  EXPECT_EQ(read_fault_together_with_its_remove(on_demand()), zero_page());
  ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));
  EXPECT_TRUE(is_mapped(kPage));
  EXPECT_EQ(state(kPage), PageState::kPresent);
}

TEST_P(RacesTest, FaultReadTogetherWithItsRemoveIsStaleWhenEventsAreTakenAsRead) {
  Policy policy = on_demand();
  policy.event_order = EventOrder::kAsRead;
  EXPECT_EQ(read_fault_together_with_its_remove(policy), pattern_page(kPage));
  // The tracker and the kernel disagree: what an oracle sees as divergence.
  EXPECT_TRUE(eventually([&] { return state_now(kPage) == PageState::kRemoved; }));
  EXPECT_TRUE(is_mapped(kPage));
}

TEST_P(RacesTest, CopyRefusedForItsOwnRemoveEndsAsZeros) {
  const auto touched = remove_during_copy(on_demand(), kPage);
  ASSERT_TRUE(becomes_ready(touched));
  EXPECT_EQ(touched.get(), zero_page());
  EXPECT_TRUE(removed_.get());
  // The kernel allows copies again before it discards (userfaultfd_remove() returns, then the pages go): the zeros just
  // read may be discarded, too.
  EXPECT_EQ(page(kPage), zero_page());
  EXPECT_TRUE(is_mapped(kPage));
  EXPECT_GE(server_->stats().eagain, 1u);
  EXPECT_GE(server_->stats().deferred, 1u);
  EXPECT_THAT(history(kPage), Contains(TraceKind::kDefer));
}

TEST_P(RacesTest, CopyRefusedForAnotherPagesRemoveIsDoneLater) {
  const auto touched = remove_during_copy(on_demand(), kOther);
  ASSERT_TRUE(becomes_ready(touched));
  EXPECT_EQ(touched.get(), pattern_page(kPage));
  EXPECT_TRUE(removed_.get());
  EXPECT_GE(server_->stats().eagain, 1u);
  EXPECT_EQ(state(kOther), PageState::kRemoved);
}

TEST_P(RacesTest, CopyThatIsDroppedWhenRefusedHangsItsThread) {
  Policy policy = on_demand();
  policy.on_eagain = OnEagain::kDrop;
  const auto touched = remove_during_copy(policy, kOther);
  ASSERT_TRUE(becomes_ready(removed_));
  ASSERT_TRUE(eventually([&] { return server_->stats().dropped == 1; }));
  EXPECT_EQ(page(1), pattern_page(1)) << "other pages are served on";
  ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));
  EXPECT_FALSE(is_ready(touched));
  EXPECT_FALSE(is_mapped(kPage));
  ASSERT_EQ(server_->unresolved_faults(Duration(0)).size(), 1u);
  EXPECT_EQ(server_->unresolved_faults(Duration(0)).front().address,
            reinterpret_cast<std::uintptr_t>(vmm_->at(nth(kPage))));
}

TEST_P(RacesTest, CopyThatIsRepeatedWithoutReadingHangsEverything) {
  Policy policy = on_demand();
  policy.on_eagain = OnEagain::kSpin;
  const auto touched = remove_during_copy(policy, kOther);
  ASSERT_TRUE(eventually([&] { return server_->stats().eagain > 10'000; }));
  EXPECT_FALSE(is_ready(touched));
  EXPECT_FALSE(is_ready(removed_)) << "the VMM's own thread is stuck in its discard";
  server_->stop();  // Ends even so.
  EXPECT_TRUE(seen(Kind::kStopped));
}

TEST_P(RacesTest, PageRemovedWhileItsPrefetchIsUnderWayIsNotResurrected) {
  Stall copying("uffd.prefetch.before_copy", Stall::kFirst);
  restore({});
  ASSERT_TRUE(copying.await_reached());
  ASSERT_TRUE(remove(kPage));
  copying.release();
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  EXPECT_EQ(state(kPage), PageState::kRemoved);
  EXPECT_FALSE(is_mapped(kPage));
  EXPECT_EQ(page(kPage), zero_page());
  for (const std::size_t i : {0, 1, 3, 5, 7}) EXPECT_EQ(page(i), pattern_page(i));
}

TEST_P(RacesTest, PageRemovedWhileItsPrefetchIsUnderWayIsResurrectedWhenRemovesAreIgnored) {
  Stall copying("uffd.prefetch.before_copy", Stall::kFirst);
  Policy policy;
  policy.on_remove = OnRemove::kIgnore;
  restore(policy);
  ASSERT_TRUE(copying.await_reached());
  ASSERT_TRUE(remove(kPage));
  copying.release();
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  EXPECT_TRUE(is_mapped(kPage)) << "with the old bytes, and no fault will ever tell";
  EXPECT_EQ(page(kPage), pattern_page(kPage));
}

TEST_P(RacesTest, PrefetchRefusedForARemoveGoesOnAfterIt) {
  Stall copying("uffd.prefetch.in_copy", Stall::kFirst);
  restore({});
  ASSERT_TRUE(copying.await_reached());
  const auto removed = vmm_->start_remove(nth(kPage), page_size());
  ASSERT_TRUE(vmm_->await_remove_raised());
  EXPECT_FALSE(is_ready(removed));
  copying.release();
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  EXPECT_TRUE(becomes_ready(removed));
  EXPECT_GE(server_->stats().eagain, 1u);
  EXPECT_FALSE(is_mapped(kPage));
  EXPECT_EQ(page(kPage), zero_page());
  for (const std::size_t i : {0, 1, 3, 5, 7}) {
    EXPECT_TRUE(is_mapped(i));
    EXPECT_EQ(page(i), pattern_page(i));
  }
}

TEST_P(RacesTest, PageRemovedAfterItsPrefetchReadsAsZeros) {
  restore({});
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  ASSERT_TRUE(remove(0, kDataPages > 6 ? 6 : kDataPages));
  for (const std::size_t i : {0, 5}) {
    EXPECT_FALSE(is_mapped(i));
    EXPECT_EQ(page(i), zero_page());
  }
}

TEST_P(RacesTest, FaultThatPrefetchOvertookIsWoken) {
  Stall reading_ahead("uffd.prefetch.before_copy", Stall::kFirst);
  Stall copying("uffd.before_copy", Stall::kFirst);
  restore({});
  ASSERT_TRUE(reading_ahead.await_reached());
  const auto touched = vmm_->touch(nth(kPage));
  ASSERT_TRUE(copying.await_reached());
  ASSERT_TRUE(vmm_->plant(nth(kPage), pattern_word(0)));  // As a prefetch of another server would.
  reading_ahead.release();
  copying.release();
  EXPECT_TRUE(becomes_ready(touched));
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));
  EXPECT_EQ(server_->stats().already_present, 1u);
  EXPECT_THAT(history(kPage), Contains(TraceKind::kExists));
}

TEST_P(RacesTest, FaultsGoBeforePrefetch) {
  Stall reading_ahead("uffd.prefetch.before_copy", Stall::kFirst);
  Stall copying("uffd.before_copy", Stall::kFirst);
  restore({});
  ASSERT_TRUE(reading_ahead.await_reached());
  const auto touched = vmm_->touch(nth(kPage));
  ASSERT_TRUE(copying.await_reached());
  reading_ahead.release();
  copying.release();
  EXPECT_TRUE(becomes_ready(touched));
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  std::vector<TraceKind> installed;
  for (const TraceEvent& event : server_->trace()) {
    if (event.kind == TraceKind::kCopy || event.kind == TraceKind::kPrefetch) installed.push_back(event.kind);
  }
  ASSERT_FALSE(installed.empty());
  EXPECT_EQ(installed.front(), TraceKind::kCopy);
}

TEST_P(RacesTest, StopDoesNotWaitForPrefetch) {
  Stall copying("uffd.prefetch.before_copy", Stall::kFirst);
  restore({});
  ASSERT_TRUE(copying.await_reached());
  std::thread stopping([&] { server_->stop(); });
  ASSERT_TRUE(eventually([&] { return !server_->drain(std::chrono::milliseconds(1)); }));
  copying.release();
  stopping.join();
  EXPECT_TRUE(seen(Kind::kStopped));
  EXPECT_FALSE(seen(Kind::kPrefetched));
  EXPECT_FALSE(is_mapped(0));
}

TEST_P(RacesTest, FaultRepeatedWhileItIsServedIsServedOnce) {
  restore(on_demand());
  Stall copying("uffd.before_copy", Stall::kFirst);
  std::vector<std::shared_future<FakeVmm::Page>> touched;
  touched.push_back(vmm_->touch(nth(kPage)));
  ASSERT_TRUE(copying.await_reached());
  for (int i = 0; i < 3; ++i) touched.push_back(vmm_->touch(nth(kPage)));
  ASSERT_TRUE(eventually([&] { return server_->stats().faults == 4; }));
  copying.release();
  for (const auto& each : touched) {
    ASSERT_TRUE(becomes_ready(each));
    EXPECT_EQ(each.get(), pattern_page(kPage));
  }
  ASSERT_TRUE(server_->drain(std::chrono::seconds(30)));
  EXPECT_EQ(server_->stats().copied_pages, page_size() / kPageSize);
  EXPECT_EQ(server_->stats().already_present, 1u);
}

TEST_P(RacesTest, RemoveStormWhileEveryPageIsTouchedEndsInZeros) { storm(make_source()); }

TEST_P(RacesTest, RemoveStormEndsInZerosAlsoWhenTheReadingThreadServes) {
  const auto source = make_source();
  source->put_at_hand();
  storm(source);
}

TEST_P(RacesTest, PagesAtHandAreServedWithoutAWorker) {
  const auto source = make_source();
  source->put_at_hand();
  restore(on_demand(), source);
  Stall copying("uffd.before_copy", Stall::kFirst);
  const auto touched = vmm_->touch(nth(kPage));
  ASSERT_TRUE(copying.await_reached());
  const auto other = vmm_->touch(nth(kOther));
  ASSERT_TRUE(vmm_->await_unread_event()) << "the thread that reads is the one that serves";
  copying.release();
  ASSERT_TRUE(becomes_ready(touched));
  ASSERT_TRUE(becomes_ready(other));
  EXPECT_EQ(touched.get(), pattern_page(kPage));
  EXPECT_EQ(other.get(), pattern_page(kOther));
}

TEST_P(RacesTest, RefusedCopyIsDoneInOneCallThatReadsTheEventsInItsWay) {
  const FakeVmm::Page bytes = pattern_page(kPage);
  vmm_ = std::make_unique<FakeVmm>(GetParam(), region_sizes());
  Counters counters;
  Trace trace(0);
  auto memory = GuestMemory::adopt({UniqueFd(::dup(vmm_->userfaultfd())), vmm_->regions(), {}}, memory_size(), Policy(),
                                   counters, trace);
  ASSERT_TRUE(memory) << memory.error().describe();
  const auto page = (*memory)->page_at(reinterpret_cast<std::uintptr_t>(vmm_->at(nth(kPage))));
  ASSERT_TRUE(page);
  const auto removed = vmm_->start_remove(nth(kOther), page_size());
  ASSERT_TRUE(vmm_->await_remove_raised());
  const auto refused = (*memory)->install(*page, std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(refused);
  EXPECT_EQ(*refused, Outcome::kPending);

  std::vector<MemoryEvent> faults;
  const auto installed = (*memory)->install_between_events(*page, std::as_bytes(std::span(bytes)), faults,
                                                           SteadyClock::now() + std::chrono::seconds(30));
  ASSERT_TRUE(installed);
  EXPECT_EQ(*installed, Outcome::kInstalled);
  EXPECT_TRUE(becomes_ready(removed));
  EXPECT_EQ((*memory)->tracker().state(nth(kOther)), PageState::kRemoved);
  EXPECT_EQ(this->page(kPage), bytes);
}

// Who pursues a refused copy reads the events in its way, and with them faults that nobody else hears of: whoever waits for
// events is not woken by what was read already.
TEST_P(RacesTest, FaultReadByAPursuitOfAnotherIsServedByThePursuer) {
  constexpr std::size_t kLate = 7;
  restore(on_demand());
  Stall first_copy("uffd.in_copy", Stall::kFirst);
  const auto touched = vmm_->touch(nth(kPage));
  ASSERT_TRUE(first_copy.await_reached());
  Stall second_copy("uffd.before_copy", Stall::kFirst);
  Stall reader("uffd.before_read", Stall::kFirst);
  const auto removed = vmm_->start_remove(nth(kOther), page_size());
  ASSERT_TRUE(reader.await_reached());
  first_copy.release();
  ASSERT_TRUE(second_copy.await_reached()) << "the copy was refused, and whoever made it reads and tries again";
  ASSERT_TRUE(becomes_ready(removed));

  const auto removed_then = vmm_->start_remove(nth(kOther), page_size());
  ASSERT_TRUE(vmm_->await_remove_raised());
  const auto late = vmm_->touch(nth(kLate));
  ASSERT_TRUE(eventually([&] { return server_->waiting_faults().value().unread > 0; }));
  second_copy.release();
  EXPECT_TRUE(becomes_ready(late)) << "the only one who reads events stands still";
  EXPECT_EQ(touched.get(), pattern_page(kPage));
  EXPECT_TRUE(becomes_ready(removed_then));
}

}  // namespace
}  // namespace snaphammer::uffd
