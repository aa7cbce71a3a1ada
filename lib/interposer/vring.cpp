#include "lib/interposer/vring.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

namespace snaphammer::interposer {
namespace {

// A field that the guest uses at the same time. Rings are aligned (check()), so these accesses are
// too. The order between the two sides is carried by the indices: an index is published with release
// and read with acquire; where a side publishes one field and then reads another (an index and then
// whether to notify), both accesses are sequentially consistent.
std::atomic_ref<std::uint16_t> shared(std::byte* field) {
  return std::atomic_ref<std::uint16_t>(*reinterpret_cast<std::uint16_t*>(field));
}
std::atomic_ref<std::uint16_t> shared(std::uint16_t* field) { return std::atomic_ref<std::uint16_t>(*field); }

bool is_aligned(const std::byte* address, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(address) % alignment == 0;
}

/// Calls act(bytes of a segment, guest address, offset in the range) over [offset, offset + length).
template <class Act>
void over_range(std::span<const Segment> segments, std::uint64_t offset, std::size_t length, Act act) {
  std::size_t done = 0;
  for (const Segment& segment : segments) {
    if (done == length) return;
    if (offset >= segment.bytes.size()) {
      offset -= segment.bytes.size();
      continue;
    }
    const std::size_t part = std::min<std::size_t>(segment.bytes.size() - offset, length - done);
    act(segment.bytes.subspan(offset, part), segment.address + offset, done);
    done += part;
    offset = 0;
  }
}

}  // namespace

const char* Vring::check(const VringSetup& setup, const GuestMemory& memory) {
  if (setup.size == 0 || setup.size > kMaxRingSize || !std::has_single_bit(setup.size))
    return "its size is no power of two up to 32768";
  if (!is_aligned(setup.descriptors, 16) || !is_aligned(setup.available, 2) || !is_aligned(setup.used, 4))
    return "a part of it is not aligned";
  const std::size_t event = (setup.features & kFeatureEventIndex) != 0 ? 2 : 0;
  const std::size_t available_size = kRingEntriesOffset + setup.size * std::size_t{2} + event;
  const std::size_t used_size = kRingEntriesOffset + setup.size * sizeof(UsedElement) + event;
  if (!memory.contains_host(setup.descriptors, setup.size * sizeof(Descriptor)) ||
      !memory.contains_host(setup.available, available_size) || !memory.contains_host(setup.used, used_size))
    return "a part of it is not in guest memory";
  if (setup.log_used && !memory.contains(setup.used_guest_address, used_size))
    return "its log address is not in guest memory";
  return nullptr;
}

void Vring::start() {
  used_index_ = shared(setup_.used + kRingIndexOffset).load(std::memory_order_acquire);
  disable_kicks();
}

Vring::Next Vring::broken(const char* why) {
  break_off(why);
  return Next::kBroken;
}

Vring::Next Vring::next(Chain& chain) {
  if (defect_ != nullptr) return Next::kBroken;
  const std::uint16_t available = shared(setup_.available + kRingIndexOffset).load(std::memory_order_acquire);
  const auto waiting = static_cast<std::uint16_t>(available - position_);
  if (waiting == 0) return Next::kEmpty;
  if (waiting > setup_.size) return broken("the available index is ahead by more than the ring");

  std::uint16_t head = 0;
  copy_once(reinterpret_cast<std::byte*>(&head),
            setup_.available + kRingEntriesOffset + slot(position_) * std::size_t{2}, sizeof head);
  if (head >= setup_.size) return broken("an available entry is no descriptor of the ring");

  chain.head_ = head;
  chain.segments_.clear();
  chain.readable_count_ = 0;
  chain.readable_bytes_ = 0;
  chain.writable_bytes_ = 0;
  chain.descriptors_ = 0;
  const char* defect = collect(chain);
  return defect == nullptr ? Next::kChain : broken(defect);
}

const char* Vring::collect(Chain& chain) const {
  std::uint16_t index = chain.head_;
  for (std::uint32_t seen = 0; seen < setup_.size; ++seen) {
    Descriptor descriptor;
    copy_once(reinterpret_cast<std::byte*>(&descriptor), setup_.descriptors + index * sizeof(Descriptor),
              sizeof descriptor);
    if ((descriptor.flags & kDescriptorIndirect) != 0) return collect_indirect(descriptor, chain);
    if (const char* defect = append(descriptor, chain)) return defect;
    if ((descriptor.flags & kDescriptorNext) == 0) return nullptr;
    if (descriptor.next >= setup_.size) return "a descriptor's next is outside the ring";
    index = descriptor.next;
  }
  return "a chain is longer than the ring: it loops";
}

const char* Vring::collect_indirect(const Descriptor& table, Chain& chain) const {
  if (!has(kFeatureIndirect)) return "an indirect descriptor without the feature";
  if ((table.flags & kDescriptorNext) != 0) return "an indirect descriptor that has a next";
  if (table.length == 0 || table.length % sizeof(Descriptor) != 0)
    return "an indirect table whose length is no number of descriptors";
  const std::uint32_t entries = table.length / sizeof(Descriptor);
  std::uint32_t index = 0;
  for (std::uint32_t seen = 0; seen < entries; ++seen) {
    Descriptor descriptor;
    if (table.address > UINT64_MAX - table.length ||
        !memory_.read(table.address + index * sizeof(Descriptor), std::as_writable_bytes(std::span(&descriptor, 1))))
      return "an indirect table outside guest memory";
    if ((descriptor.flags & kDescriptorIndirect) != 0) return "a nested indirect descriptor";
    if (const char* defect = append(descriptor, chain)) return defect;
    if ((descriptor.flags & kDescriptorNext) == 0) return nullptr;
    if (descriptor.next >= entries) return "an indirect descriptor's next is outside its table";
    index = descriptor.next;
  }
  return "a chain is longer than its indirect table: it loops";
}

const char* Vring::append(const Descriptor& descriptor, Chain& chain) const {
  if (++chain.descriptors_ > kMaxChain) return "a chain of more than 1024 descriptors";
  const bool writable = (descriptor.flags & kDescriptorWritable) != 0;
  if (!writable && chain.segments_.size() != chain.readable_count_) return "a readable descriptor after a writable one";
  const bool inside =
      memory_.for_each_piece(descriptor.address, descriptor.length, [&](std::span<std::byte> piece, std::uint64_t at) {
        chain.segments_.push_back({piece, at});
      });
  if (!inside) return "a descriptor outside guest memory";
  if (writable) {
    chain.writable_bytes_ += descriptor.length;
  } else {
    chain.readable_bytes_ += descriptor.length;
    chain.readable_count_ = chain.segments_.size();
  }
  return nullptr;
}

void Vring::complete(const Chain& chain, std::uint32_t written) {
  const UsedElement element = {chain.head_, written};
  const std::size_t offset = kRingEntriesOffset + slot(used_index_) * sizeof element;
  std::memcpy(setup_.used + offset, &element, sizeof element);
  log_used(offset, sizeof element);
  ++used_index_;
  ++position_;
  shared(setup_.used + kRingIndexOffset).store(used_index_, std::memory_order_seq_cst);
  log_used(kRingIndexOffset, sizeof used_index_);
  completed_ = true;
}

void Vring::gather(std::span<const Segment> from, std::uint64_t offset, std::span<std::byte> to) const {
  over_range(from, offset, to.size(), [&](std::span<std::byte> bytes, std::uint64_t, std::size_t done) {
    copy_once(to.data() + done, bytes.data(), bytes.size());
  });
}

void Vring::scatter(std::span<const Segment> to, std::uint64_t offset, std::span<const std::byte> from) const {
  over_range(to, offset, from.size(), [&](std::span<std::byte> bytes, std::uint64_t address, std::size_t done) {
    std::memcpy(bytes.data(), from.data() + done, bytes.size());
    log_.mark(address, bytes.size());
  });
}

bool Vring::take_need_to_signal() {
  if (!completed_) return false;
  completed_ = false;
  if (has(kFeatureNotifyOnEmpty) &&
      shared(setup_.available + kRingIndexOffset).load(std::memory_order_seq_cst) == position_)
    return true;
  if (!has(kFeatureEventIndex)) {
    const std::uint16_t flags = shared(setup_.available + kRingFlagsOffset).load(std::memory_order_seq_cst);
    return (flags & kAvailNoInterrupt) == 0;
  }
  const std::uint16_t before = std::exchange(signalled_, used_index_);
  const bool was_valid = std::exchange(signalled_is_valid_, true);
  // Whether the entry that the guest asked to be told of is among those completed since `before`.
  const std::uint16_t event = shared(used_event()).load(std::memory_order_seq_cst);
  return !was_valid ||
         static_cast<std::uint16_t>(used_index_ - event - 1) < static_cast<std::uint16_t>(used_index_ - before);
}

bool Vring::enable_kicks() {
  if (has(kFeatureEventIndex)) {
    shared(available_event()).store(position_, std::memory_order_seq_cst);
    log_used(kRingEntriesOffset + setup_.size * sizeof(UsedElement), sizeof position_);
  } else {
    shared(setup_.used + kRingFlagsOffset).store(0, std::memory_order_seq_cst);
    log_used(kRingFlagsOffset, sizeof(std::uint16_t));
  }
  return shared(setup_.available + kRingIndexOffset).load(std::memory_order_seq_cst) != position_;
}

void Vring::disable_kicks() {
  // With an event index the guest kicks only when it passes the one entry that was asked for.
  if (has(kFeatureEventIndex)) return;
  shared(setup_.used + kRingFlagsOffset).store(kUsedNoNotify, std::memory_order_relaxed);
  log_used(kRingFlagsOffset, sizeof(std::uint16_t));
}

std::uint16_t* Vring::used_event() const {
  return reinterpret_cast<std::uint16_t*>(setup_.available + kRingEntriesOffset + setup_.size * std::size_t{2});
}

std::uint16_t* Vring::available_event() const {
  return reinterpret_cast<std::uint16_t*>(setup_.used + kRingEntriesOffset + setup_.size * sizeof(UsedElement));
}

void Vring::log_used(std::size_t offset, std::size_t length) const {
  if (setup_.log_used) log_.mark(setup_.used_guest_address + offset, length);
}

}  // namespace snaphammer::interposer
