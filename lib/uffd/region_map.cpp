#include "lib/uffd/region_map.h"

#include <algorithm>

namespace snaphammer::uffd {
namespace {

void sort_by_offset(std::vector<Region>& regions) {
  std::sort(regions.begin(), regions.end(), [](const Region& a, const Region& b) { return a.offset < b.offset; });
}

}  // namespace

RegionMap::RegionMap(std::vector<Region> regions) : regions_(std::move(regions)) { sort_by_offset(regions_); }

std::optional<Place> RegionMap::page_at(std::uint64_t address) const {
  for (const Region& region : regions_) {
    if (address < region.base || address - region.base >= region.size) continue;
    const ByteCount within = (address - region.base) / region.page_size * region.page_size;
    return Place{region.base + within, region.offset + within, region.page_size, region.page_size};
  }
  return std::nullopt;
}

std::vector<Place> RegionMap::places_of_addresses(std::uint64_t start, std::uint64_t end) const {
  std::vector<Place> places;
  for (const Region& region : regions_) {
    const std::uint64_t first = std::max(start, region.base);
    const std::uint64_t last = std::min(end, region.base + region.size);
    if (first >= last) continue;
    places.push_back({first, region.offset + (first - region.base), last - first, region.page_size});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.address < b.address; });
  return places;
}

std::vector<Place> RegionMap::places_of_extent(Extent extent) const {
  std::vector<Place> places;
  for (const Region& region : regions_) {
    const ByteCount first = std::max(extent.offset, region.offset);
    const ByteCount last = std::min(extent.end(), region.offset + region.size);
    if (first >= last) continue;
    places.push_back({region.base + (first - region.offset), first, last - first, region.page_size});
  }
  return places;
}

void RegionMap::unmap(std::uint64_t start, std::uint64_t end) {
  std::vector<Region> kept;
  for (const Region& region : regions_) {
    const std::uint64_t region_end = region.base + region.size;
    const std::uint64_t cut_start = std::clamp(start, region.base, region_end);
    const std::uint64_t cut_end = std::clamp(end, cut_start, region_end);
    if (cut_start > region.base) {
      kept.push_back({region.base, cut_start - region.base, region.offset, region.page_size});
    }
    if (cut_end < region_end) {
      kept.push_back({cut_end, region_end - cut_end, region.offset + (cut_end - region.base), region.page_size});
    }
  }
  regions_ = std::move(kept);
}

void RegionMap::remap(std::uint64_t from, std::uint64_t to, ByteCount length) {
  const std::vector<Place> moved = places_of_addresses(from, from + length);
  unmap(from, from + length);
  unmap(to, to + length);
  for (const Place& place : moved) {
    regions_.push_back({to + (place.address - from), place.length, place.offset, place.page_size});
  }
  sort_by_offset(regions_);
}

}  // namespace snaphammer::uffd
