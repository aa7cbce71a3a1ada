#include "lib/interposer/guest_memory.h"

#include <cstring>

#include <gtest/gtest.h>

#include "lib/interposer/testing/fake_driver.h"

namespace snaphammer::interposer {
namespace {

using testing::FakeGuest;

// Two regions that adjoin in guest addresses and nowhere else, then a gap, then one at the very end.
class GuestMemoryTest : public ::testing::Test {
 protected:
  FakeGuest guest_{{{0x1000, 0x1000}, {0x2000, 0x1000}, {0xffff'ffff'ffff'f000, 0xfff}}};
  const GuestMemory& memory_ = guest_.memory();
};

TEST_F(GuestMemoryTest, TranslatesWithinARegion) {
  const std::span<std::byte> bytes = memory_.at(0x1010, 0x20);
  EXPECT_EQ(bytes.data(), guest_.regions()[0].host + 0x10);
  EXPECT_EQ(bytes.size(), 0x20U);
}

TEST_F(GuestMemoryTest, StopsAtTheEndOfARegion) {
  EXPECT_EQ(memory_.at(0x1ff0, 0x100).size(), 0x10U);
  EXPECT_TRUE(memory_.at(0x3000, 1).empty());
  EXPECT_TRUE(memory_.at(0xfff, 1).empty());
}

TEST_F(GuestMemoryTest, GoesOnFromOneRegionIntoTheNext) {
  std::memcpy(guest_.regions()[0].host + 0xffe, "ab", 2);
  std::memcpy(guest_.regions()[1].host, "cd", 2);
  char copy[5] = {};
  ASSERT_TRUE(memory_.read(0x1ffe, std::as_writable_bytes(std::span(copy, 4))));
  EXPECT_STREQ(copy, "abcd");
}

TEST_F(GuestMemoryTest, RefusesARangeThatLeavesMemory) {
  EXPECT_TRUE(memory_.contains(0x1000, 0x2000));
  EXPECT_FALSE(memory_.contains(0x1000, 0x2001));
  EXPECT_FALSE(memory_.contains(0xfff, 2));
  EXPECT_FALSE(memory_.contains(0x1000, UINT64_MAX));
}

TEST_F(GuestMemoryTest, RefusesARangeThatWrapsAround) {
  EXPECT_TRUE(memory_.contains(0xffff'ffff'ffff'f000, 0xfff));
  EXPECT_FALSE(memory_.contains(0xffff'ffff'ffff'f000, 0x1000));
  EXPECT_FALSE(memory_.contains(0xffff'ffff'ffff'f000, 0x3000));
}

TEST_F(GuestMemoryTest, KnowsWhichHostMemoryIsTheGuests) {
  const FakeGuest guest({{0x1000, 0x1000}});
  std::byte* host = guest.regions()[0].host;
  EXPECT_TRUE(guest.memory().contains_host(host, 0x1000));
  EXPECT_TRUE(guest.memory().contains_host(host + 0xfff, 1));
  EXPECT_FALSE(guest.memory().contains_host(host, 0x1001));
  EXPECT_FALSE(guest.memory().contains_host(host - 1, 1));
  EXPECT_FALSE(guest.memory().contains_host(host + 0x10, UINT64_MAX));
  EXPECT_FALSE(guest.memory().contains_host(nullptr, 16));
}

TEST_F(GuestMemoryTest, RefusesTablesThatMakeNoSense) {
  std::byte byte{};
  const auto valid = [](GuestRegion region) { return GuestMemory::is_valid(std::span(&region, 1)); };
  EXPECT_TRUE(valid({0, 0x1000, &byte}));
  EXPECT_FALSE(valid({0, 0, &byte}));
  EXPECT_FALSE(valid({0, 0x1000, nullptr}));
  EXPECT_FALSE(valid({UINT64_MAX - 0xfff, 0x2000, &byte}));
  EXPECT_FALSE(valid({0, UINT64_MAX - 0xfff, &byte}));
}

TEST(DirtyLogTest, MarksEveryPageOfARange) {
  std::uint64_t bitmap[2] = {};
  const DirtyLog log(bitmap);
  log.mark(0x1fff, 2);           // Pages 1 and 2.
  log.mark(63 * 4096ULL, 4097);  // Pages 63 and 64.
  log.mark(5 * 4096ULL, 0);      // Nothing.
  EXPECT_EQ(bitmap[0], (1ULL << 1) | (1ULL << 2) | (1ULL << 63));
  EXPECT_EQ(bitmap[1], 1ULL);
}

}  // namespace
}  // namespace snaphammer::interposer
