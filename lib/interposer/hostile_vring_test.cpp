// Guests that break the rules of a ring. The ring says why, and is written no more.
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "lib/interposer/testing/rings.h"

namespace snaphammer::interposer {
namespace {

using testing::Rings;

class HostileVring : public ::testing::Test {
 protected:
  void expect_broken(const char* why) {
    Chain chain;
    EXPECT_EQ(rings_.ring->next(chain), Vring::Next::kBroken);
    ASSERT_NE(rings_.ring->defect(), nullptr);
    EXPECT_STREQ(rings_.ring->defect(), why);
    EXPECT_EQ(rings_.ring->position(), 0);
    EXPECT_EQ(rings_.driver.used_index(), 0);
    // It stays broken, whatever the guest does now.
    rings_.driver.publish_available_index(0);
    EXPECT_EQ(rings_.ring->next(chain), Vring::Next::kBroken);
  }
  void offer(const Descriptor& first, const Descriptor& second = {}) {
    rings_.driver.write_descriptor(0, first);
    rings_.driver.write_descriptor(1, second);
    rings_.driver.make_available(0);
  }
  std::uint64_t table_of(const std::vector<Descriptor>& entries) {
    return rings_.guest.put({reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(Descriptor)});
  }

  Rings rings_{{.size = 8, .features = kFeatureIndirect}};
};

TEST_F(HostileVring, IndexTooFarAhead) {
  rings_.driver.publish_available_index(9);
  expect_broken("the available index is ahead by more than the ring");
}

TEST_F(HostileVring, IndexBehind) {
  rings_.driver.publish_available_index(65535);
  expect_broken("the available index is ahead by more than the ring");
}

TEST_F(HostileVring, HeadOutsideTheRing) {
  rings_.driver.make_available(8);
  expect_broken("an available entry is no descriptor of the ring");
}

TEST_F(HostileVring, NextOutsideTheRing) {
  offer({0, 1, kDescriptorNext, 8});
  expect_broken("a descriptor's next is outside the ring");
}

TEST_F(HostileVring, ChainThatLoops) {
  offer({0, 1, kDescriptorNext, 1}, {0, 1, kDescriptorNext, 0});
  expect_broken("a chain is longer than the ring: it loops");
}

TEST_F(HostileVring, BufferOutsideMemory) {
  offer({0x30000, 16, 0, 0});
  expect_broken("a descriptor outside guest memory");
}

TEST_F(HostileVring, BufferThatLeavesMemory) {
  offer({0x20ff0, 0x11, 0, 0});
  expect_broken("a descriptor outside guest memory");
}

TEST_F(HostileVring, BufferThatWrapsAround) {
  offer({UINT64_MAX - 15, 0x100, kDescriptorWritable, 0});
  expect_broken("a descriptor outside guest memory");
}

TEST_F(HostileVring, LongestBuffer) {
  offer({0, UINT32_MAX, 0, 0});
  expect_broken("a descriptor outside guest memory");
}

TEST_F(HostileVring, ReadableAfterWritable) {
  offer({0, 1, kDescriptorWritable | kDescriptorNext, 1}, {0, 1, 0, 0});
  expect_broken("a readable descriptor after a writable one");
}

TEST_F(HostileVring, NestedIndirect) {
  offer({table_of({{0, 16, kDescriptorIndirect, 0}}), 16, kDescriptorIndirect, 0});
  expect_broken("a nested indirect descriptor");
}

TEST_F(HostileVring, IndirectWithNext) {
  offer({table_of({{0, 1, 0, 0}}), 16, kDescriptorIndirect | kDescriptorNext, 1}, {0, 1, 0, 0});
  expect_broken("an indirect descriptor that has a next");
}

TEST_F(HostileVring, IndirectTableOfOddLength) {
  offer({table_of({{0, 1, 0, 0}}), 15, kDescriptorIndirect, 0});
  expect_broken("an indirect table whose length is no number of descriptors");
}

TEST_F(HostileVring, IndirectTableOfNoLength) {
  offer({0, 0, kDescriptorIndirect, 0});
  expect_broken("an indirect table whose length is no number of descriptors");
}

TEST_F(HostileVring, IndirectTableOutsideMemory) {
  offer({0x30000, 16, kDescriptorIndirect, 0});
  expect_broken("an indirect table outside guest memory");
}

TEST_F(HostileVring, IndirectTableThatWrapsAround) {
  offer({UINT64_MAX - 7, 32, kDescriptorIndirect, 0});
  expect_broken("an indirect table outside guest memory");
}

TEST(VringTest, RefusesAnIndirectTableThatGoesOnAtAddressZero) {
  testing::FakeGuest guest({{0, 0x4000}, {0xffff'ffff'ffff'f000, 0xfff}});
  testing::FakeDriver driver(guest, {.features = kFeatureIndirect});
  Vring ring(driver.setup(), guest.memory(), DirtyLog());
  ring.start();
  // Three entries, the third at address 0: memory, but no place that the table can reach.
  const Descriptor first = {0x100, 1, kDescriptorNext, 2};
  constexpr std::uint64_t kTable = 0xffff'ffff'ffff'ffe0;
  std::memcpy(guest.host(kTable), &first, sizeof first);
  driver.write_descriptor(0, {kTable, 48, kDescriptorIndirect, 0});
  driver.make_available(0);
  Chain chain;
  EXPECT_EQ(ring.next(chain), Vring::Next::kBroken);
}

TEST_F(HostileVring, IndirectNextOutsideItsTable) {
  offer({table_of({{0, 1, kDescriptorNext, 2}, {0, 1, 0, 0}}), 32, kDescriptorIndirect, 0});
  expect_broken("an indirect descriptor's next is outside its table");
}

TEST_F(HostileVring, IndirectChainThatLoops) {
  offer({table_of({{0, 1, kDescriptorNext, 1}, {0, 1, kDescriptorNext, 0}}), 32, kDescriptorIndirect, 0});
  expect_broken("a chain is longer than its indirect table: it loops");
}

TEST_F(HostileVring, IndirectChainTooLong) {
  std::vector<Descriptor> entries;
  for (std::uint16_t i = 0; i < 1025; ++i)
    entries.push_back({0, 1, kDescriptorNext, static_cast<std::uint16_t>(i + 1)});
  offer({table_of(entries), static_cast<std::uint32_t>(entries.size() * sizeof(Descriptor)), kDescriptorIndirect, 0});
  expect_broken("a chain of more than 1024 descriptors");
}

TEST(VringTest, RefusesIndirectDescriptorsThatWereNotNegotiated) {
  Rings rings({.features = 0});
  rings.driver.offer_indirect({{0, 1, false}});
  Chain chain;
  EXPECT_EQ(rings.ring->next(chain), Vring::Next::kBroken);
}

}  // namespace
}  // namespace snaphammer::interposer
