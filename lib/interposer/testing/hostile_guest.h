// One guest that misuses both queues, from start to end, without threads: for the fuzzer, which finds
// such guests, and for the test that makes them up at random.
//
//   play(decode_hostile_guest(bytes));
//
// Whatever the guest does, the device must stay inside its memory (every region is an allocation of its
// own, so AddressSanitizer sees), come to an end, and send nothing but whole packets; what of this does
// not hold aborts with a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/interposer/abi.h"

namespace snaphammer::interposer::testing {

/// What a guest is; any bytes make one.
struct HostileGuest {
  static constexpr std::uint64_t kFirstSize = 0x2000;   ///< At address 0.
  static constexpr std::uint64_t kSecondSize = 0x1000;  ///< At kFirstSize, elsewhere in the process.
  static constexpr std::uint64_t kLast = 0x8000;        ///< Address of the last region, after a gap.
  static constexpr std::uint64_t kLastSize = 0x400;
  static constexpr std::uint64_t kMemory = kFirstSize + kSecondSize + kLastSize;

  std::uint64_t features = 0;
  std::uint16_t size = 1;
  std::uint16_t position = 0;
  /// Addresses in the first region.
  std::uint16_t descriptors = 0;
  std::uint16_t available = 0;
  std::uint16_t used = 0;
  /// Packets that wait for the guest, by payload length.
  std::vector<std::uint16_t> packets;
  /// All of its memory, region after region.
  std::vector<std::byte> memory;
};

/// The fuzzer's format: a few bytes of each field above, then memory, repeated until it is full.
HostileGuest decode_hostile_guest(std::span<const std::uint8_t> bytes);

/// Returns how many packets went each way together, so that a test can see that it tests something.
std::size_t play(const HostileGuest& guest);

}  // namespace snaphammer::interposer::testing
