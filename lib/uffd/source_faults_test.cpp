// Faults of the source, each as a guest feels it: through a page server, on real userfaultfd.
#include "lib/uffd/source_faults.h"

#include <gmock/gmock.h>

#include "lib/uffd/testing/file_source.h"
#include "lib/uffd/testing/server_fixture.h"

namespace snaphammer::uffd {
namespace {

using namespace std::chrono_literals;

class SourceFaultsTest : public ServerFixture {
 protected:
  std::shared_ptr<const PageSource> faulty() const {
    const auto source = make_source();
    source->put_at_hand();
    return with_faults(source, faults_);
  }
  SourceFaults::OnAct count() {
    return [this] {
      ++acted_;
      acted_.notify_all();
    };
  }

  std::shared_ptr<SourceFaults> faults_ = std::make_shared<SourceFaults>(1);
  std::atomic<unsigned> acted_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Memory, SourceFaultsTest, testing::Values(MemoryKind{false, 4_KiB}, MemoryKind{true, 4_KiB}),
                         kind_name);

TEST_P(SourceFaultsTest, NothingSetChangesNothing) {
  restore({}, faulty());
  for (const std::size_t i : {0, 5, 9}) EXPECT_EQ(page(i), pattern_page(i));
  EXPECT_EQ(page(12), zero_page());
  EXPECT_EQ(server_->stats().read_retries, 0u);
}

TEST_P(SourceFaultsTest, ADelayedPageComesLaterAndKeepsNobodyElseWaiting) {
  restore(on_demand(), faulty());
  faults_->set_delay(SourceFaults::Delay{.least = 1h, .most = 2h}, count());
  const auto touched = vmm_->touch(nth(2));
  acted_.wait(0);
  EXPECT_EQ(page(12), zero_page()) << "reading and zero pages go on";
  EXPECT_NE(touched.wait_for(0s), std::future_status::ready);
  faults_->set_delay(std::nullopt);
  ASSERT_EQ(touched.wait_for(30s), std::future_status::ready) << "healing lets it go on at once";
  EXPECT_EQ(touched.get(), pattern_page(2));
  EXPECT_EQ(acted_, 1u);
}

TEST_P(SourceFaultsTest, AServerThatEndsDoesNotWaitForWhatIsDelayedOrHeld) {
  restore(on_demand(), faulty());
  faults_->set_delay(SourceFaults::Delay{.least = 1h, .most = 2h}, count());
  const auto touched = vmm_->touch(nth(2));
  acted_.wait(0);
  const TimePoint began = SteadyClock::now();
  server_->stop();
  EXPECT_LT(SteadyClock::now() - began, 30s);
}

TEST_P(SourceFaultsTest, AHeldPageComesWhenItIsReleasedAndKeepsNobodyElseWaiting) {
  restore(on_demand(), faulty());
  EXPECT_EQ(page(3), pattern_page(3)) << "its neighbours are now known to be at hand";
  std::atomic<ByteCount> held = 0;
  const auto note = [&held](ByteCount page) {
    held = page;
    held.notify_all();
  };
  faults_->hold({nth(1), nth(2)}, note);
  const auto touched = vmm_->touch(nth(2));
  held.wait(0);
  EXPECT_EQ(held, nth(2));
  EXPECT_EQ(page(4), pattern_page(4)) << "others are read and served";
  faults_->release(nth(1));
  EXPECT_NE(touched.wait_for(0s), std::future_status::ready);
  faults_->release(nth(2));
  ASSERT_EQ(touched.wait_for(30s), std::future_status::ready);
  EXPECT_EQ(touched.get(), pattern_page(2));
}

TEST_P(SourceFaultsTest, PagesThatAreHeldAreAllReleasedAtOnce) {
  faults_->hold({nth(1), nth(2)}, {});
  restore({}, faulty());
  const auto touched = vmm_->touch(nth(2));
  faults_->release_all();
  ASSERT_EQ(touched.wait_for(30s), std::future_status::ready);
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  EXPECT_EQ(page(1), pattern_page(1));
}

/// Page 2 is asked for and, before its bytes are there, removed: what the guest then reads.
class RemoveOfAHeldPage : public SourceFaultsTest {
 protected:
  FakeVmm::Page touch_and_remove(EventOrder order) {
    Policy policy = on_demand();
    policy.event_order = order;
    restore(policy, faulty());
    std::atomic<bool> held = false;
    const auto note = [&held](ByteCount) {
      held = true;
      held.notify_all();
    };
    faults_->hold({nth(2)}, note);
    const auto touched = vmm_->touch(nth(2));
    held.wait(false);
    EXPECT_TRUE(remove(2)) << "somebody is free to read it";
    faults_->release_all();
    EXPECT_EQ(touched.wait_for(30s), std::future_status::ready);
    return touched.get();
  }
};
INSTANTIATE_TEST_SUITE_P(Memory, RemoveOfAHeldPage, testing::Values(MemoryKind{false, 4_KiB}, MemoryKind{true, 4_KiB}),
                         kind_name);

TEST_P(RemoveOfAHeldPage, ReadsAsZeros) { EXPECT_EQ(touch_and_remove(EventOrder::kRemovesFirst), zero_page()); }

TEST_P(RemoveOfAHeldPage, IsResurrectedWhenEventsAreTakenAsRead) {
  EXPECT_EQ(touch_and_remove(EventOrder::kAsRead), pattern_page(2));
}

TEST_P(SourceFaultsTest, AShareOfReadsIsDelayed) {
  restore(on_demand(), faulty());
  faults_->set_delay(SourceFaults::Delay{.least = 1us, .most = 2us, .share = 0.5}, count());
  for (std::size_t i = 0; i < kDataPages; ++i) EXPECT_EQ(page(i), pattern_page(i));
  EXPECT_GT(acted_, 0u);
  EXPECT_LT(acted_, kDataPages);
}

TEST_P(SourceFaultsTest, AReadThatFailsLessOftenThanItIsRetriedIsNotNoticed) {
  restore(on_demand(), faulty());
  faults_->set_read_errors(SourceFaults::ReadErrors{.times = 2}, count());
  EXPECT_EQ(page(3), pattern_page(3));
  EXPECT_EQ(acted_, 2u);
  EXPECT_EQ(server_->stats().read_retries, 2u);
  EXPECT_FALSE(seen(Kind::kPageFailed));
}

TEST_P(SourceFaultsTest, AReadThatFailsMoreOftenLeavesItsFaultUnresolved) {
  Policy policy = on_demand();
  policy.read_retries = 1;
  restore(policy, faulty());
  faults_->set_read_errors(SourceFaults::ReadErrors{.times = 2}, count());
  const auto touched = vmm_->touch(nth(3));
  ASSERT_TRUE(await_event(Kind::kPageFailed));
  EXPECT_THAT(error_of(Kind::kPageFailed)->describe(), testing::HasSubstr("injected read error at 0x3000, 2 of 2"));
  EXPECT_NE(touched.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(server_->unresolved_faults(Duration(0)).size(), 1u);
}

TEST_P(SourceFaultsTest, AFlippedBitReachesTheGuest) {
  faults_->set_bit_flips({{.offset = nth(4) + 8, .bit = 3}}, count());
  restore(on_demand(), faulty());
  FakeVmm::Page spoiled = pattern_page(4);
  spoiled[1] ^= 8;
  EXPECT_EQ(page(4), spoiled);
  EXPECT_EQ(page(5), pattern_page(5));
  EXPECT_EQ(acted_, 1u);
}

TEST_P(SourceFaultsTest, APageToSpoilThatWasCutOffIsAnErrorAndNoSignal) {
  const auto file = std::make_shared<FileSource>(memory_size());
  const auto source = with_faults(file, faults_);
  faults_->set_bit_flips({{.offset = nth(4) + 8, .bit = 3}}, count());
  file->resize(nth(4));
  std::vector<std::byte> scratch(page_size());
  EXPECT_EQ(source->read(nth(4), page_size(), scratch).error().kind(), ErrorKind::kCorrupt);
  file->resize(nth(5));
  EXPECT_TRUE(source->read(nth(4), page_size(), scratch));
}

TEST_P(SourceFaultsTest, AChangedPageIsOtherForWhoeverReadsItAndItsNeighboursAreNot) {
  const auto spoil = [](std::span<std::byte> bytes) {
    EXPECT_EQ(bytes.size(), kPageSize);
    bytes[8] ^= std::byte{8};
  };
  faults_->set_page_change(SourceFaults::PageChange{.page = nth(3), .change = spoil}, count());
  restore({}, faulty());
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  FakeVmm::Page changed = pattern_page(3);
  changed[1] ^= 8;
  EXPECT_EQ(page(3), changed);
  EXPECT_EQ(page(2), pattern_page(2));
  EXPECT_EQ(page(4), pattern_page(4));
  EXPECT_GT(acted_, 0u);
}

TEST_P(SourceFaultsTest, AFlippedBitIsPrefetchedToo) {
  faults_->set_bit_flips({{.offset = nth(4) + 8, .bit = 3}}, count());
  restore({}, faulty());
  ASSERT_TRUE(await_event(Kind::kPrefetched));
  EXPECT_NE(page(4), pattern_page(4));
}

}  // namespace
}  // namespace snaphammer::uffd
