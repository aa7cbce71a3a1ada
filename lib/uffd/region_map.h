// RegionMap: which address of the VMM holds which byte of the memory file.
//
//   RegionMap map(handoff.regions);
//   if (const auto place = map.page_at(fault_address)) serve(place->offset);
//
// Changes when the VMM unmaps or moves guest memory. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/base/units.h"
#include "lib/uffd/handoff.h"
#include "lib/uffd/page_source.h"

namespace snaphammer::uffd {

/// A range that is contiguous both in the VMM and in the memory file.
struct Place {
  std::uint64_t address = 0;
  ByteCount offset = 0;
  ByteCount length = 0;
  ByteCount page_size = kPageSize;

  Extent extent() const { return {offset, length}; }
  bool operator==(const Place&) const = default;
};

class RegionMap {
 public:
  explicit RegionMap(std::vector<Region> regions);

  const std::vector<Region>& regions() const { return regions_; }
  /// The host page that holds `address`; nullopt when it is not guest memory.
  std::optional<Place> page_at(std::uint64_t address) const;
  /// The parts of [start, end) that are guest memory, ascending.
  std::vector<Place> places_of_addresses(std::uint64_t start, std::uint64_t end) const;
  /// Where a range of the memory file is mapped, ascending in the file.
  std::vector<Place> places_of_extent(Extent extent) const;

  /// [start, end) is no longer guest memory.
  void unmap(std::uint64_t start, std::uint64_t end);
  /// mremap(2) moved [from, from + length) to `to`, in place of what was there.
  void remap(std::uint64_t from, std::uint64_t to, ByteCount length);

 private:
  std::vector<Region> regions_;  // Ascending in the memory file.
};

}  // namespace snaphammer::uffd
