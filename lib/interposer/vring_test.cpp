#include "lib/interposer/vring.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "lib/interposer/testing/fake_driver.h"
#include "lib/interposer/testing/rings.h"

namespace snaphammer::interposer {
namespace {

using testing::FakeDriver;
using testing::FakeGuest;
using testing::Rings;

// Every rule of moving chains holds whatever was negotiated.
class VringWithFeatures : public ::testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(All, VringWithFeatures,
                         ::testing::Values(0, kFeatureEventIndex, kFeatureIndirect,
                                           kFeatureEventIndex | kFeatureIndirect));

TEST_P(VringWithFeatures, IsEmptyAtFirst) {
  Rings rings({.features = GetParam()});
  Chain chain;
  EXPECT_EQ(rings.ring->next(chain), Vring::Next::kEmpty);
}

TEST_P(VringWithFeatures, ShowsAChainUntilItIsCompleted) {
  Rings rings({.features = GetParam()});
  rings.driver.offer({{rings.guest.put("ping"), 4, false}});
  EXPECT_EQ(rings.read_next(), "ping");
  EXPECT_EQ(rings.read_next(), "ping");
  EXPECT_EQ(rings.ring->position(), 0);
  EXPECT_EQ(rings.driver.used_index(), 0);
  rings.serve();
  EXPECT_EQ(rings.ring->position(), 1);
  EXPECT_EQ(rings.read_next(), "(none)");
}

TEST_P(VringWithFeatures, ReadsAChainOfSeveralParts) {
  Rings rings({.features = GetParam()});
  rings.driver.offer(
      {{rings.guest.put("one "), 4, false}, {rings.guest.put("two "), 4, false}, {rings.guest.put("three"), 5, false}});
  EXPECT_EQ(rings.read_next(), "one two three");
}

TEST_P(VringWithFeatures, WritesIntoTheWritablePartsOnly) {
  Rings rings({.features = GetParam()});
  const std::uint64_t in = rings.guest.put("head");
  const std::uint64_t first = rings.guest.put("....");
  const std::uint64_t second = rings.guest.put("....");
  rings.driver.offer({{in, 4, false}, {first, 3, true}, {second, 4, true}});
  Chain chain;
  ASSERT_EQ(rings.ring->next(chain), Vring::Next::kChain);
  EXPECT_EQ(chain.writable_bytes(), 7U);
  rings.ring->scatter(chain.writable(), 2, std::as_bytes(std::span("abc", 3)));
  EXPECT_EQ(rings.guest.view(in, 4), "head");
  EXPECT_EQ(rings.guest.view(first, 4), "..a.");
  EXPECT_EQ(rings.guest.view(second, 4), "bc..");
}

TEST_P(VringWithFeatures, ReadsABufferThatRunsOnIntoTheNextRegion) {
  Rings rings({.features = GetParam()});
  std::memcpy(rings.guest.regions()[0].host + 0x1fffe, "ab", 2);
  std::memcpy(rings.guest.regions()[1].host, "cd", 2);
  rings.driver.offer({{0x1fffe, 4, false}});
  EXPECT_EQ(rings.read_next(), "abcd");
}

TEST_P(VringWithFeatures, AcceptsPartsWithoutBytes) {
  Rings rings({.features = GetParam()});
  rings.driver.offer({{0, 0, false}, {rings.guest.put("x"), 1, false}, {0, 0, false}});
  EXPECT_EQ(rings.read_next(), "x");
}

TEST_P(VringWithFeatures, GoesThroughAFullRingInOrder) {
  Rings rings({.size = 4, .features = GetParam()});
  std::vector<std::uint16_t> offered;
  for (int i = 0; i < 4; ++i) offered.push_back(rings.driver.offer({{0, 1, true}}));
  for (const std::uint16_t head : offered) EXPECT_EQ(rings.serve(7), head);
  EXPECT_EQ(rings.serve(), std::nullopt);
}

TEST_P(VringWithFeatures, GoesOnWhenTheIndicesWrapAround) {
  Rings rings({.size = 8, .features = GetParam(), .first_index = 65530});
  for (int i = 0; i < 20; ++i) {
    const std::uint16_t head = rings.driver.offer({{0, 1, true}});
    ASSERT_EQ(rings.serve(), head) << "chain " << i;
  }
  EXPECT_EQ(rings.ring->position(), 14);
  EXPECT_EQ(rings.driver.used_index(), 14);
}

TEST_P(VringWithFeatures, WorksWithOneEntry) {
  Rings rings({.size = 1, .features = GetParam(), .first_index = 65534});
  for (int i = 0; i < 5; ++i) {
    rings.driver.offer({{rings.guest.put("z"), 1, false}});
    EXPECT_EQ(rings.read_next(), "z");
    EXPECT_TRUE(rings.serve());
  }
}

TEST_P(VringWithFeatures, ResumesAtThePositionWhereItWasStopped) {
  Rings rings({.size = 8, .features = GetParam(), .first_index = 65535});
  rings.driver.offer({{rings.guest.put("first"), 5, false}});
  rings.driver.offer({{rings.guest.put("second"), 6, false}});
  EXPECT_TRUE(rings.serve());

  VringSetup setup = rings.driver.setup();
  setup.position = rings.ring->position();
  rings.start(setup);
  EXPECT_EQ(rings.read_next(), "second");
  EXPECT_TRUE(rings.serve());
  EXPECT_EQ(rings.driver.used_index(), 1);  // Counted on from what guest memory said: 65535 + 2.
}

TEST_P(VringWithFeatures, TakesTheUsedIndexFromMemory) {
  Rings rings({.features = GetParam()});
  const std::uint16_t index = 41;
  std::memcpy(rings.driver.setup().used + kRingIndexOffset, &index, sizeof index);
  rings.start(rings.driver.setup());
  rings.driver.offer({{0, 1, true}});
  Chain chain;
  ASSERT_EQ(rings.ring->next(chain), Vring::Next::kChain);
  rings.ring->complete(chain, 0);
  EXPECT_EQ(rings.driver.used_index(), 42);
  EXPECT_EQ(rings.ring->position(), 1);
}

TEST_P(VringWithFeatures, LogsWhatItWrites) {
  FakeGuest guest({{0, 0x20000}});
  FakeDriver driver(guest, {.features = GetParam()});
  std::uint64_t bitmap[1] = {};
  VringSetup setup = driver.setup();
  setup.log_used = true;
  Vring ring(setup, guest.memory(), DirtyLog(bitmap));
  ring.start();
  driver.offer({{0x5ffe, 4, true}});
  Chain chain;
  ASSERT_EQ(ring.next(chain), Vring::Next::kChain);
  ring.scatter(chain.writable(), 0, std::as_bytes(std::span("abcd", 4)));
  ring.complete(chain, 4);
  const std::uint64_t used_page = setup.used_guest_address / 4096;
  EXPECT_EQ(bitmap[0], (1ULL << 5) | (1ULL << 6) | (1ULL << used_page));
}

class VringIndirect : public ::testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(All, VringIndirect,
                         ::testing::Values(kFeatureIndirect, kFeatureIndirect | kFeatureEventIndex));

TEST_P(VringIndirect, ReadsATable) {
  Rings rings({.features = GetParam()});
  rings.driver.offer_indirect({{rings.guest.put("in"), 2, false}, {rings.guest.put("direct"), 6, false}, {0, 9, true}});
  EXPECT_EQ(rings.read_next(), "indirect");
  EXPECT_TRUE(rings.serve(9));
}

TEST_P(VringIndirect, ReadsATableAfterDirectDescriptors) {
  Rings rings({.features = GetParam()});
  const Descriptor inner = {rings.guest.put("behind"), 6, 0, 0};
  const std::uint64_t table = rings.guest.put({reinterpret_cast<const char*>(&inner), sizeof inner});
  rings.driver.write_descriptor(0, {rings.guest.put("before "), 7, kDescriptorNext, 1});
  rings.driver.write_descriptor(1, {table, sizeof inner, kDescriptorIndirect, 0});
  rings.driver.make_available(0);
  EXPECT_EQ(rings.read_next(), "before behind");
}

TEST_P(VringIndirect, ReadsATableThatIsNotAlignedAndSpansRegions) {
  Rings rings({.features = GetParam()});
  const Descriptor inner = {rings.guest.put("odd"), 3, 0, 0};
  const auto* bytes = reinterpret_cast<const std::byte*>(&inner);
  std::memcpy(rings.guest.regions()[0].host + 0x1fffb, bytes, 5);
  std::memcpy(rings.guest.regions()[1].host, bytes + 5, 11);
  rings.driver.write_descriptor(0, {0x1fffb, sizeof inner, kDescriptorIndirect, 0});
  rings.driver.make_available(0);
  EXPECT_EQ(rings.read_next(), "odd");
}

// When the device wants kicks and when the guest gets interrupts.

TEST_P(VringWithFeatures, AsksForAKickAndSeesWhatCameBefore) {
  Rings rings({.features = GetParam()});
  EXPECT_FALSE(rings.ring->enable_kicks());
  rings.driver.offer({{0, 1, true}});
  EXPECT_TRUE(rings.driver.must_kick());
  rings.ring->disable_kicks();
  rings.driver.offer({{0, 1, true}});
  EXPECT_FALSE(rings.driver.must_kick());
  EXPECT_TRUE(rings.ring->enable_kicks());
}

TEST_P(VringWithFeatures, SignalsOnceForWhatWasCompleted) {
  Rings rings({.features = GetParam()});
  EXPECT_FALSE(rings.ring->take_need_to_signal());
  rings.driver.offer({{0, 1, true}});
  rings.driver.offer({{0, 1, true}});
  rings.serve();
  rings.serve();
  EXPECT_TRUE(rings.ring->take_need_to_signal());
  EXPECT_FALSE(rings.ring->take_need_to_signal());
}

TEST_P(VringWithFeatures, DoesNotSignalAGuestThatIsLookingAnyway) {
  Rings rings({.features = GetParam()});
  rings.driver.offer({{0, 1, true}});
  rings.serve();
  rings.ring->take_need_to_signal();  // The first one after a start is always given.

  rings.driver.disable_interrupts();
  rings.driver.offer({{0, 1, true}});
  rings.serve();
  EXPECT_FALSE(rings.ring->take_need_to_signal());

  EXPECT_FALSE(rings.driver.enable_interrupts());
  rings.driver.offer({{0, 1, true}});
  rings.serve();
  EXPECT_TRUE(rings.ring->take_need_to_signal());
}

TEST(VringTest, SignalsWhenTheIndexPassesTheEventAcrossTheWrap) {
  Rings rings({.size = 8, .features = kFeatureEventIndex, .first_index = 65534});
  rings.driver.offer({{0, 1, true}});
  rings.serve();
  EXPECT_TRUE(rings.ring->take_need_to_signal());
  EXPECT_FALSE(rings.driver.enable_interrupts());  // Asks for entry 65535.
  for (int i = 0; i < 3; ++i) rings.driver.offer({{0, 1, true}});
  for (int i = 0; i < 3; ++i) rings.serve();  // To entry 2, past 65535 and 0.
  EXPECT_TRUE(rings.ring->take_need_to_signal());
  rings.driver.offer({{0, 1, true}});
  rings.serve();
  EXPECT_FALSE(rings.ring->take_need_to_signal());  // Nobody asked for entry 2.
}

TEST(VringTest, SignalsAnEmptyRingWhenThatWasNegotiated) {
  Rings rings({.features = kFeatureNotifyOnEmpty});
  rings.driver.disable_interrupts();
  rings.driver.offer({{0, 1, true}});
  rings.driver.offer({{0, 1, true}});
  rings.serve();
  EXPECT_FALSE(rings.ring->take_need_to_signal());
  rings.serve();
  EXPECT_TRUE(rings.ring->take_need_to_signal());
}

// What a VMM must not start.

class VringCheckTest : public ::testing::Test {
 protected:
  const char* check() { return Vring::check(setup_, guest_.memory()); }

  FakeGuest guest_{{{0, 0x4000}}};
  FakeDriver driver_{guest_, {.size = 8, .features = kFeatureEventIndex}};
  VringSetup setup_ = driver_.setup();
};

TEST_F(VringCheckTest, AcceptsARing) { EXPECT_EQ(check(), nullptr); }

TEST_F(VringCheckTest, RefusesSizes) {
  for (const std::uint32_t size : {0U, 3U, 65536U, 0x8000'0000U}) {
    setup_.size = size;
    EXPECT_NE(check(), nullptr) << size;
  }
}

TEST_F(VringCheckTest, RefusesPartsThatAreNotAligned) {
  ++setup_.available;
  EXPECT_NE(check(), nullptr);
  setup_ = driver_.setup();
  setup_.used += 2;
  EXPECT_NE(check(), nullptr);
  setup_ = driver_.setup();
  setup_.descriptors += 8;
  setup_.size = 4;
  EXPECT_STREQ(check(), "a part of it is not aligned");
}

TEST_F(VringCheckTest, RefusesPartsOutsideMemory) {
  setup_.descriptors = nullptr;
  EXPECT_NE(check(), nullptr);
  std::byte* end = guest_.regions()[0].host + 0x4000;
  setup_ = driver_.setup();
  setup_.descriptors = end - 16 * 8 + 16;
  EXPECT_NE(check(), nullptr);
  // The event index behind the last entry counts too, and only when it is negotiated.
  setup_ = driver_.setup();
  setup_.available = end - (4 + 2 * 8);
  EXPECT_NE(check(), nullptr);
  setup_.features = 0;
  EXPECT_EQ(check(), nullptr);
}

TEST_F(VringCheckTest, RefusesALogAddressOutsideMemory) {
  setup_.log_used = true;
  EXPECT_EQ(check(), nullptr);
  setup_.used_guest_address = 0x4000;
  EXPECT_NE(check(), nullptr);
}

}  // namespace
}  // namespace snaphammer::interposer
