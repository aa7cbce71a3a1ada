#include "lib/interposer/guest_memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace snaphammer::interposer {

bool GuestMemory::is_valid(std::span<const GuestRegion> regions) {
  return std::all_of(regions.begin(), regions.end(), [](const GuestRegion& region) {
    const auto host = reinterpret_cast<std::uintptr_t>(region.host);
    return region.host != nullptr && region.size > 0 && region.size <= UINT64_MAX - region.address &&
           region.size <= UINTPTR_MAX - host;
  });
}

std::span<std::byte> GuestMemory::at(std::uint64_t address, std::uint64_t length) const {
  for (const GuestRegion& region : regions_) {
    if (address < region.address || address - region.address >= region.size) continue;
    const std::uint64_t offset = address - region.address;
    return {region.host + offset, std::min(length, region.size - offset)};
  }
  return {};
}

bool GuestMemory::read(std::uint64_t address, std::span<std::byte> into) const {
  std::byte* to = into.data();
  return for_each_piece(address, into.size(), [&](std::span<std::byte> piece, std::uint64_t) {
    copy_once(to, piece.data(), piece.size());
    to += piece.size();
  });
}

bool GuestMemory::contains_host(const std::byte* host, std::uint64_t length) const {
  const auto start = reinterpret_cast<std::uintptr_t>(host);
  return std::any_of(regions_.begin(), regions_.end(), [&](const GuestRegion& region) {
    const auto base = reinterpret_cast<std::uintptr_t>(region.host);
    return start >= base && start - base <= region.size && length <= region.size - (start - base);
  });
}

bool GuestMemory::contains(std::uint64_t address, std::uint64_t length) const {
  return for_each_piece(address, length, [](std::span<std::byte>, std::uint64_t) {});
}

void copy_once(std::byte* to, const std::byte* from, std::size_t length) {
  std::memcpy(to, from, length);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace snaphammer::interposer
