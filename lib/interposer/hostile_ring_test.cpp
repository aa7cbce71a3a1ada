// Guests made up at random, near enough to honest ones to get deep into the code. The same seed every
// time: a failure comes back.
#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "lib/interposer/testing/hostile_guest.h"

namespace snaphammer::interposer::testing {
namespace {

class Mischief {
 public:
  explicit Mischief(std::uint32_t seed) : random_(seed) {}

  HostileGuest make() {
    HostileGuest guest;
    if (chance(2)) guest.features |= kFeatureEventIndex;
    if (!chance(4)) guest.features |= kFeatureIndirect;
    guest.size = static_cast<std::uint16_t>(1U << below(6));
    guest.position = chance(2) ? number16() : 0;
    guest.descriptors = 0x100;
    guest.available = 0x600;
    guest.used = 0x700;
    if (chance(20)) guest.used = static_cast<std::uint16_t>(guest.available + 4 * below(8));
    if (chance(20)) guest.descriptors = guest.used;
    for (std::uint32_t i = below(4); i > 0; --i)
      guest.packets.push_back(static_cast<std::uint16_t>(chance(3) ? below(9000) : below(64)));
    guest.memory.resize(HostileGuest::kMemory);

    const auto ahead = chance(10) ? number16() : static_cast<std::uint16_t>(below(guest.size + 1U));
    put<std::uint16_t>(guest, guest.available + 2U, static_cast<std::uint16_t>(guest.position + ahead));
    for (std::uint32_t i = 0; i < guest.size; ++i) {
      put(guest, guest.available + 4U + 2 * i, index(guest.size));
      put(guest, guest.descriptors + 16U * i, descriptor(guest.size));
    }
    // Indirect tables and packet headers at the places that descriptors like to point to.
    for (std::uint32_t place = 0x1000; place < 0x3000; place += 0x100) {
      if (chance(2)) {
        for (std::uint32_t i = 0; i < 8; ++i) put(guest, place + 16 * i, descriptor(8));
      } else {
        put<std::uint32_t>(guest, place + 24, chance(3) ? number32() : below(128));
      }
    }
    return guest;
  }

 private:
  bool chance(std::uint32_t one_in) { return below(one_in) == 0; }
  std::uint32_t below(std::uint32_t limit) { return number32() % limit; }
  std::uint32_t number32() { return static_cast<std::uint32_t>(random_()); }
  std::uint16_t number16() { return static_cast<std::uint16_t>(random_()); }

  template <class T>
  static void put(HostileGuest& guest, std::size_t at, T value) {
    if (at + sizeof value <= guest.memory.size()) std::memcpy(guest.memory.data() + at, &value, sizeof value);
  }
  std::uint16_t index(std::uint32_t size) { return chance(30) ? number16() : static_cast<std::uint16_t>(below(size)); }
  std::uint64_t address() {
    if (chance(40)) return (std::uint64_t{number32()} << 32) | number32();
    if (chance(40)) return UINT64_MAX - below(64);
    if (chance(8)) return 0x1fc0 + below(128);  // About the seam of two regions.
    if (chance(8)) return HostileGuest::kLast + HostileGuest::kLastSize - below(64);
    return 0x1000 + 0x100 * below(32);
  }
  Descriptor descriptor(std::uint32_t size) {
    Descriptor made;
    made.address = address();
    made.length = chance(30) ? number32() : chance(3) ? 16 * below(9) : below(256);
    if (chance(3)) made.flags |= kDescriptorNext;
    if (chance(3)) made.flags |= kDescriptorWritable;
    if (chance(6)) made.flags |= kDescriptorIndirect;
    if (chance(50)) made.flags = number16();
    made.next = index(size);
    return made;
  }

  std::mt19937 random_;
};

TEST(HostileRingTest, NoGuestReachesOutsideItsMemory) {
  Mischief mischief(20240611);
  std::size_t moved = 0;
  for (int i = 0; i < 10'000; ++i) moved += play(mischief.make());
  // Most of them are stopped soon, but not all at once: else this would test only the first check.
  EXPECT_GT(moved, 1'500U);
}

TEST(HostileRingTest, AnyBytesMakeAGuest) {
  std::mt19937 random(7);
  for (int i = 0; i < 1'000; ++i) {
    std::vector<std::uint8_t> bytes(random() % 600);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : 0);
    play(decode_hostile_guest(bytes));
  }
}

}  // namespace
}  // namespace snaphammer::interposer::testing
