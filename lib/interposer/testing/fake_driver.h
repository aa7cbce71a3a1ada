// The guest's side of the rings for tests: memory in pieces, and a driver that does what VIRTIO 1.2
// section 2.7 asks of one, notification rules included.
//
//   FakeGuest guest({{0x0, 0x8000}, {0x8000, 0x4000}});
//   FakeDriver driver(guest, {.size = 8, .features = kFeatureEventIndex});
//   driver.offer({{guest.put("hello"), 5, false}});        // makes a chain available
//   if (driver.must_kick()) ...
//   std::optional<FakeDriver::Used> used = driver.reclaim();
//
// A driver belongs to one thread, which may be another than the device's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/interposer/abi.h"
#include "lib/interposer/guest_memory.h"
#include "lib/interposer/vring.h"

namespace snaphammer::interposer::testing {

class FakeGuest {
 public:
  struct Range {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
  };

  /// Each range is an allocation of its own, zeroed, so that AddressSanitizer sees a byte too far.
  explicit FakeGuest(const std::vector<Range>& ranges);
  /// One region at address 0 in memory that the caller owns.
  explicit FakeGuest(std::span<std::byte> memory);

  const std::vector<GuestRegion>& regions() const { return regions_; }
  const GuestMemory& memory() const { return memory_; }
  /// This process's address of guest memory.
  std::byte* host(std::uint64_t address) const { return memory_.at(address, 1).data(); }

  /// Takes the next free bytes of the first region.
  std::uint64_t allocate(std::uint64_t size, std::uint64_t alignment = 16);
  std::uint64_t put(std::string_view bytes);
  std::string_view view(std::uint64_t address, std::size_t size) const;

 private:
  std::vector<std::unique_ptr<std::byte[]>> owned_;
  std::vector<GuestRegion> regions_;
  GuestMemory memory_;
  std::uint64_t next_free_ = 64;
};

class FakeDriver {
 public:
  struct Options {
    std::uint16_t size = 8;
    std::uint64_t features = 0;
    std::uint16_t first_index = 0;  ///< Of both rings, as if so many chains had gone by.
  };
  struct Buffer {
    std::uint64_t address = 0;
    std::uint32_t length = 0;
    bool writable = false;
  };
  struct Used {
    std::uint16_t head = 0;
    std::uint32_t written = 0;
  };

  FakeDriver(FakeGuest& guest, Options options);

  VringSetup setup() const;

  /// Makes a chain available and returns its head. There must be enough free descriptors.
  std::uint16_t offer(const std::vector<Buffer>& buffers);
  /// The same through an indirect table.
  std::uint16_t offer_indirect(const std::vector<Buffer>& buffers);
  std::size_t free_descriptors() const { return free_.size(); }
  /// Whether the device wants a kick for what was offered since the last call.
  bool must_kick();

  /// The next chain that came back.
  std::optional<Used> reclaim();
  std::uint16_t used_index() const;
  /// Asks for an interrupt at the next chain that comes back. True when there is one already.
  bool enable_interrupts();
  void disable_interrupts();

  // For guests that misbehave.
  void write_descriptor(std::uint16_t index, const Descriptor& descriptor);
  void write_available_entry(std::uint16_t slot, std::uint16_t head);
  void publish_available_index(std::uint16_t index);
  std::uint16_t available_index() const { return available_index_; }
  void make_available(std::uint16_t head);

 private:
  struct Taken {
    std::vector<std::uint16_t> descriptors;
  };
  bool has(std::uint64_t feature) const { return (options_.features & feature) != 0; }

  FakeGuest& guest_;
  Options options_;
  std::byte* descriptors_;
  std::byte* available_;
  std::byte* used_;
  std::uint64_t used_address_;
  std::vector<std::uint16_t> free_;
  std::vector<Taken> taken_;  // By head.
  std::uint16_t available_index_;
  std::uint16_t kicked_index_;
  std::uint16_t used_index_;
};

}  // namespace snaphammer::interposer::testing
