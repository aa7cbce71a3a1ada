#include "lib/interposer/testing/fake_driver.h"

#include <atomic>
#include <cassert>
#include <cstring>
#include <numeric>
#include <utility>

namespace snaphammer::interposer::testing {
namespace {

std::atomic_ref<std::uint16_t> shared(std::byte* field) {
  return std::atomic_ref<std::uint16_t>(*reinterpret_cast<std::uint16_t*>(field));
}

}  // namespace

FakeGuest::FakeGuest(const std::vector<Range>& ranges) {
  for (const Range& range : ranges) {
    owned_.push_back(std::make_unique<std::byte[]>(range.size));
    regions_.push_back({range.address, range.size, owned_.back().get()});
  }
  memory_ = GuestMemory(regions_);
}

FakeGuest::FakeGuest(std::span<std::byte> memory) : regions_({{0, memory.size(), memory.data()}}), memory_(regions_) {}

std::uint64_t FakeGuest::allocate(std::uint64_t size, std::uint64_t alignment) {
  const std::uint64_t start = (next_free_ + alignment - 1) / alignment * alignment;
  next_free_ = start + size;
  assert(next_free_ <= regions_.front().size);
  return regions_.front().address + start;
}

std::uint64_t FakeGuest::put(std::string_view bytes) {
  const std::uint64_t address = allocate(bytes.size());
  std::memcpy(host(address), bytes.data(), bytes.size());
  return address;
}

std::string_view FakeGuest::view(std::uint64_t address, std::size_t size) const {
  const std::span<std::byte> bytes = memory_.at(address, size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

FakeDriver::FakeDriver(FakeGuest& guest, Options options)
    : guest_(guest),
      options_(options),
      descriptors_(guest.host(guest.allocate(options.size * sizeof(Descriptor)))),
      available_(guest.host(guest.allocate(6 + 2 * std::uint64_t{options.size}, 2))),
      used_address_(guest.allocate(6 + sizeof(UsedElement) * options.size, 4)),
      free_(options.size),
      taken_(options.size),
      available_index_(options.first_index),
      kicked_index_(options.first_index),
      used_index_(options.first_index) {
  used_ = guest.host(used_address_);
  std::iota(free_.rbegin(), free_.rend(), std::uint16_t{0});
  shared(available_ + kRingIndexOffset).store(available_index_);
  shared(used_ + kRingIndexOffset).store(used_index_);
  if (has(kFeatureEventIndex)) {
    // Both sides begin by asking to be told of the next entry.
    shared(used_ + 4 + sizeof(UsedElement) * options_.size).store(available_index_);
    enable_interrupts();
  }
}

VringSetup FakeDriver::setup() const {
  return {.size = options_.size,
          .descriptors = descriptors_,
          .available = available_,
          .used = used_,
          .used_guest_address = used_address_,
          .log_used = false,
          .position = options_.first_index,
          .features = options_.features};
}

std::uint16_t FakeDriver::offer(const std::vector<Buffer>& buffers) {
  assert(!buffers.empty() && buffers.size() <= free_.size());
  Taken taken;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    taken.descriptors.push_back(free_.back());
    free_.pop_back();
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const bool last = i + 1 == buffers.size();
    const int flags = (last ? 0 : kDescriptorNext) | (buffers[i].writable ? kDescriptorWritable : 0);
    write_descriptor(taken.descriptors[i], {buffers[i].address, buffers[i].length, static_cast<std::uint16_t>(flags),
                                            last ? std::uint16_t{0} : taken.descriptors[i + 1]});
  }
  const std::uint16_t head = taken.descriptors.front();
  taken_[head] = std::move(taken);
  make_available(head);
  return head;
}

std::uint16_t FakeDriver::offer_indirect(const std::vector<Buffer>& buffers) {
  assert(!buffers.empty() && !free_.empty());
  const std::uint64_t table = guest_.allocate(buffers.size() * sizeof(Descriptor));
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const bool last = i + 1 == buffers.size();
    const int flags = (last ? 0 : kDescriptorNext) | (buffers[i].writable ? kDescriptorWritable : 0);
    const Descriptor descriptor = {buffers[i].address, buffers[i].length, static_cast<std::uint16_t>(flags),
                                   static_cast<std::uint16_t>(last ? 0 : i + 1)};
    std::memcpy(guest_.host(table + i * sizeof descriptor), &descriptor, sizeof descriptor);
  }
  const std::uint16_t head = free_.back();
  free_.pop_back();
  write_descriptor(head,
                   {table, static_cast<std::uint32_t>(buffers.size() * sizeof(Descriptor)), kDescriptorIndirect, 0});
  taken_[head].descriptors = {head};
  make_available(head);
  return head;
}

void FakeDriver::write_descriptor(std::uint16_t index, const Descriptor& descriptor) {
  std::memcpy(descriptors_ + index * sizeof descriptor, &descriptor, sizeof descriptor);
}

void FakeDriver::write_available_entry(std::uint16_t slot, std::uint16_t head) {
  std::memcpy(available_ + kRingEntriesOffset + slot * sizeof head, &head, sizeof head);
}

void FakeDriver::publish_available_index(std::uint16_t index) {
  available_index_ = index;
  shared(available_ + kRingIndexOffset).store(index);
}

void FakeDriver::make_available(std::uint16_t head) {
  write_available_entry(available_index_ & (options_.size - 1), head);
  publish_available_index(static_cast<std::uint16_t>(available_index_ + 1));
}

bool FakeDriver::must_kick() {
  const std::uint16_t before = std::exchange(kicked_index_, available_index_);
  if (before == available_index_) return false;
  if (!has(kFeatureEventIndex)) return (shared(used_).load() & kUsedNoNotify) == 0;
  const std::uint16_t event = shared(used_ + 4 + sizeof(UsedElement) * options_.size).load();
  return static_cast<std::uint16_t>(available_index_ - event - 1) <
         static_cast<std::uint16_t>(available_index_ - before);
}

std::uint16_t FakeDriver::used_index() const { return shared(used_ + kRingIndexOffset).load(); }

std::optional<FakeDriver::Used> FakeDriver::reclaim() {
  if (used_index() == used_index_) return std::nullopt;
  UsedElement element;
  std::memcpy(&element, used_ + kRingEntriesOffset + (used_index_ & (options_.size - 1)) * sizeof element,
              sizeof element);
  ++used_index_;
  assert(element.id < options_.size);
  std::vector<std::uint16_t>& descriptors = taken_[element.id].descriptors;
  free_.insert(free_.end(), descriptors.begin(), descriptors.end());
  descriptors.clear();
  return Used{static_cast<std::uint16_t>(element.id), element.length};
}

bool FakeDriver::enable_interrupts() {
  if (has(kFeatureEventIndex)) {
    shared(available_ + 4 + std::size_t{2} * options_.size).store(used_index_);
  } else {
    shared(available_).store(0);
  }
  return used_index() != used_index_;
}

void FakeDriver::disable_interrupts() {
  // With an event index: one that was passed already, and comes again after 65536 chains only.
  if (has(kFeatureEventIndex)) {
    shared(available_ + 4 + std::size_t{2} * options_.size).store(static_cast<std::uint16_t>(used_index_ - 1));
  } else {
    shared(available_).store(kAvailNoInterrupt);
  }
}

}  // namespace snaphammer::interposer::testing
