// Where guest physical addresses lie in this process, and nothing else does: every access to a
// guest's memory goes through a span that this table gave out.
//
//   GuestMemory memory({{.address = 0, .size = 256 << 20, .host = ram}});
//   memory.for_each_piece(address, length, [&](std::span<std::byte> piece, std::uint64_t at) { ... });
//
// Immutable after construction, so any thread may read. It does not own the memory: whoever replaces
// the table (VHOST_SET_MEM_TABLE) first sees to it that nobody uses spans of the old one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace snaphammer::interposer {

struct GuestRegion {
  std::uint64_t address = 0;  ///< Guest physical.
  std::uint64_t size = 0;
  std::byte* host = nullptr;
};

class GuestMemory {
 public:
  GuestMemory() = default;
  /// `regions` are valid.
  explicit GuestMemory(std::vector<GuestRegion> regions) : regions_(std::move(regions)) {}

  /// Whether a table makes sense: no region is empty, or reaches the end of either address space.
  static bool is_valid(std::span<const GuestRegion> regions);

  /// The longest beginning of [address, address + length) that one region holds; empty when `address`
  /// is no memory.
  std::span<std::byte> at(std::uint64_t address, std::uint64_t length) const;

  /// Calls visit(piece, guest address of the piece) for all of [address, address + length) in order:
  /// a range may run on from one region into the next. False, possibly after some calls, when any
  /// byte of it is not memory. A range that wraps around is such a one: no region has the last byte.
  template <class Visit>
  bool for_each_piece(std::uint64_t address, std::uint64_t length, Visit visit) const {
    while (length > 0) {
      const std::span<std::byte> piece = at(address, length);
      if (piece.empty()) return false;
      visit(piece, address);
      address += piece.size();
      length -= piece.size();
    }
    return true;
  }

  /// Copies guest memory out, each byte read once. False when any byte of the range is not memory.
  bool read(std::uint64_t address, std::span<std::byte> into) const;

  /// Whether [host, host + length) of this process is memory of one region.
  bool contains_host(const std::byte* host, std::uint64_t length) const;
  /// Whether all of [address, address + length) is memory.
  bool contains(std::uint64_t address, std::uint64_t length) const;

 private:
  std::vector<GuestRegion> regions_;
};

/// memcpy from memory that somebody else may be writing. What it copied is what all later code sees:
/// the fence keeps the compiler from reading the source again in place of the copy.
void copy_once(std::byte* to, const std::byte* from, std::size_t length);

}  // namespace snaphammer::interposer
