#include "lib/uffd/region_map.h"

#include <map>
#include <random>

#include <gmock/gmock.h>

namespace snaphammer::uffd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kLow = 0x10'0000'0000;
constexpr std::uint64_t kHigh = 0x70'0000'0000;

// 64 KiB of memory file: its first half is mapped high, its second half low.
RegionMap crossed() { return RegionMap({{kHigh, 32_KiB, 0, 4_KiB}, {kLow, 32_KiB, 32_KiB, 4_KiB}}); }

TEST(RegionMap, RegionsAscendInTheMemoryFileHoweverTheyWereGiven) {
  const Region first = {kHigh, 32_KiB, 0, 4_KiB};
  const Region second = {kLow, 32_KiB, 32_KiB, 4_KiB};
  EXPECT_THAT(RegionMap({first, second}).regions(), ElementsAre(first, second));
  EXPECT_THAT(RegionMap({second, first}).regions(), ElementsAre(first, second));
}

TEST(RegionMap, AnyAddressOfAPageFindsThePage) {
  const RegionMap map = crossed();
  const Place page = {kLow + 8_KiB, 40_KiB, 4_KiB, 4_KiB};
  EXPECT_EQ(map.page_at(kLow + 8_KiB), page);
  EXPECT_EQ(map.page_at(kLow + 8_KiB + 1), page);
  EXPECT_EQ(map.page_at(kLow + 12_KiB - 1), page);
}

TEST(RegionMap, APageIsAsLargeAsTheHostHasIt) {
  const RegionMap map({{kHigh, 8_MiB, 2_MiB, 2_MiB}, {kLow, 2_MiB, 0, 4_KiB}});
  EXPECT_EQ(map.page_at(kHigh + 3_MiB), (Place{kHigh + 2_MiB, 4_MiB, 2_MiB, 2_MiB}));
  EXPECT_EQ(map.page_at(kLow + 1_MiB), (Place{kLow + 1_MiB, 1_MiB, 4_KiB, 4_KiB}));
}

TEST(RegionMap, NoPageBeyondABorder) {
  const RegionMap map = crossed();
  EXPECT_TRUE(map.page_at(kLow));
  EXPECT_FALSE(map.page_at(kLow - 1));
  EXPECT_TRUE(map.page_at(kLow + 32_KiB - 1));
  EXPECT_FALSE(map.page_at(kLow + 32_KiB));
  EXPECT_FALSE(map.page_at(0));
  EXPECT_FALSE(map.page_at(~std::uint64_t{0}));
}

TEST(RegionMap, PlacesOfAddressesAscendInAddresses) {
  EXPECT_THAT(crossed().places_of_addresses(0, ~std::uint64_t{0}),
              ElementsAre(Place{kLow, 32_KiB, 32_KiB, 4_KiB}, Place{kHigh, 0, 32_KiB, 4_KiB}));
}

TEST(RegionMap, PlacesOfAddressesAreCutAtBothEnds) {
  const RegionMap map = crossed();
  EXPECT_THAT(map.places_of_addresses(kLow + 4_KiB, kLow + 12_KiB),
              ElementsAre(Place{kLow + 4_KiB, 36_KiB, 8_KiB, 4_KiB}));
  EXPECT_THAT(map.places_of_addresses(kLow + 28_KiB, kHigh + 4_KiB),
              ElementsAre(Place{kLow + 28_KiB, 60_KiB, 4_KiB, 4_KiB}, Place{kHigh, 0, 4_KiB, 4_KiB}));
  EXPECT_THAT(map.places_of_addresses(kLow + 32_KiB, kHigh), IsEmpty());
  EXPECT_THAT(map.places_of_addresses(kLow, kLow), IsEmpty());
}

TEST(RegionMap, PlacesOfAnExtentAscendInTheFile) {
  EXPECT_THAT(crossed().places_of_extent({0, 64_KiB}),
              ElementsAre(Place{kHigh, 0, 32_KiB, 4_KiB}, Place{kLow, 32_KiB, 32_KiB, 4_KiB}));
}

TEST(RegionMap, PlacesOfAnExtentAreCutAtBothEnds) {
  const RegionMap map = crossed();
  EXPECT_THAT(map.places_of_extent({28_KiB, 8_KiB}),
              ElementsAre(Place{kHigh + 28_KiB, 28_KiB, 4_KiB, 4_KiB}, Place{kLow, 32_KiB, 4_KiB, 4_KiB}));
  EXPECT_THAT(map.places_of_extent({64_KiB, 4_KiB}), IsEmpty());
  EXPECT_THAT(map.places_of_extent({8_KiB, 0}), IsEmpty());
}

TEST(RegionMap, UnmappingTheMiddleSplitsARegion) {
  RegionMap map({{kLow, 32_KiB, 0, 4_KiB}});
  map.unmap(kLow + 8_KiB, kLow + 12_KiB);
  EXPECT_THAT(map.regions(), ElementsAre(Region{kLow, 8_KiB, 0, 4_KiB}, Region{kLow + 12_KiB, 20_KiB, 12_KiB, 4_KiB}));
  EXPECT_FALSE(map.page_at(kLow + 8_KiB));
  EXPECT_EQ(map.page_at(kLow + 12_KiB), (Place{kLow + 12_KiB, 12_KiB, 4_KiB, 4_KiB}));
}

TEST(RegionMap, UnmappingAnEndShortensARegion) {
  RegionMap map({{kLow, 32_KiB, 0, 4_KiB}});
  map.unmap(kLow - 4_KiB, kLow + 4_KiB);
  map.unmap(kLow + 24_KiB, kLow + 40_KiB);
  EXPECT_THAT(map.regions(), ElementsAre(Region{kLow + 4_KiB, 20_KiB, 4_KiB, 4_KiB}));
}

TEST(RegionMap, UnmappingAcrossRegionsTouchesEach) {
  RegionMap map = crossed();
  map.unmap(kLow + 16_KiB, kHigh + 4_KiB);
  EXPECT_THAT(map.regions(), ElementsAre(Region{kHigh + 4_KiB, 28_KiB, 4_KiB, 4_KiB},  //
                                         Region{kLow, 16_KiB, 32_KiB, 4_KiB}));
}

TEST(RegionMap, UnmappingEverythingLeavesNothing) {
  RegionMap map = crossed();
  map.unmap(0, ~std::uint64_t{0});
  EXPECT_THAT(map.regions(), IsEmpty());
}

TEST(RegionMap, UnmappingWhatIsNotGuestMemoryChangesNothing) {
  RegionMap map = crossed();
  map.unmap(kLow - 8_KiB, kLow);
  map.unmap(kLow + 32_KiB, kHigh);
  EXPECT_EQ(map.regions(), crossed().regions());
}

TEST(RegionMap, MovedMemoryKeepsItsPlaceInTheFile) {
  RegionMap map = crossed();
  map.remap(kLow, kLow + 1_GiB, 32_KiB);
  EXPECT_FALSE(map.page_at(kLow));
  EXPECT_EQ(map.page_at(kLow + 1_GiB + 5_KiB), (Place{kLow + 1_GiB + 4_KiB, 36_KiB, 4_KiB, 4_KiB}));
}

TEST(RegionMap, MovingAPartSplitsItsRegion) {
  RegionMap map({{kLow, 32_KiB, 0, 4_KiB}});
  map.remap(kLow + 8_KiB, kHigh, 4_KiB);
  EXPECT_THAT(map.regions(), ElementsAre(Region{kLow, 8_KiB, 0, 4_KiB}, Region{kHigh, 4_KiB, 8_KiB, 4_KiB},
                                         Region{kLow + 12_KiB, 20_KiB, 12_KiB, 4_KiB}));
}

TEST(RegionMap, MovedMemoryReplacesWhatWasThere) {
  RegionMap map = crossed();
  map.remap(kLow, kHigh + 4_KiB, 8_KiB);
  EXPECT_THAT(map.places_of_addresses(kHigh, kHigh + 32_KiB),
              ElementsAre(Place{kHigh, 0, 4_KiB, 4_KiB}, Place{kHigh + 4_KiB, 32_KiB, 8_KiB, 4_KiB},
                          Place{kHigh + 12_KiB, 12_KiB, 20_KiB, 4_KiB}));
}

TEST(RegionMap, MovingWhatIsNotGuestMemoryAddsNothing) {
  RegionMap map({{kLow, 32_KiB, 0, 4_KiB}});
  map.remap(kHigh, kHigh + 1_GiB, 8_KiB);
  EXPECT_THAT(map.regions(), ElementsAre(Region{kLow, 32_KiB, 0, 4_KiB}));
}

// Which page of the file each page of the address space holds.
class NaiveMap {
 public:
  explicit NaiveMap(const std::vector<Region>& regions) {
    for (const Region& region : regions) {
      for (ByteCount at = 0; at < region.size; at += kPageSize) offsets_[region.base + at] = region.offset + at;
    }
  }
  void unmap(std::uint64_t start, std::uint64_t end) {
    offsets_.erase(offsets_.lower_bound(start), offsets_.lower_bound(end));
  }
  void remap(std::uint64_t from, std::uint64_t to, ByteCount length) {
    const std::map<std::uint64_t, ByteCount> moved(offsets_.lower_bound(from), offsets_.lower_bound(from + length));
    unmap(from, from + length);
    unmap(to, to + length);
    for (const auto& [address, offset] : moved) offsets_[to + (address - from)] = offset;
  }
  std::optional<Place> page_at(std::uint64_t address) const {
    const auto found = offsets_.find(address);
    if (found == offsets_.end()) return std::nullopt;
    return Place{address, found->second, kPageSize, kPageSize};
  }
  std::vector<Place> pages_of_addresses(std::uint64_t start, std::uint64_t end) const {
    std::vector<Place> pages;
    for (auto it = offsets_.lower_bound(start); it != offsets_.end() && it->first < end; ++it) {
      pages.push_back({it->first, it->second, kPageSize, kPageSize});
    }
    return pages;
  }
  std::vector<Place> pages_of_extent(Extent extent) const {
    std::map<ByteCount, std::uint64_t> addresses;
    for (const auto& [address, offset] : offsets_) addresses[offset] = address;
    std::vector<Place> pages;
    for (auto it = addresses.lower_bound(extent.offset); it != addresses.end() && it->first < extent.end(); ++it) {
      pages.push_back({it->second, it->first, kPageSize, kPageSize});
    }
    return pages;
  }

 private:
  std::map<std::uint64_t, ByteCount> offsets_;
};

std::vector<Place> by_page(const std::vector<Place>& places) {
  std::vector<Place> pages;
  for (const Place& place : places) {
    for (ByteCount at = 0; at < place.length; at += kPageSize) {
      pages.push_back({place.address + at, place.offset + at, kPageSize, place.page_size});
    }
  }
  return pages;
}

TEST(RegionMap, AgreesWithANaiveModelUnderRandomChanges) {
  constexpr std::uint64_t kAddresses = 64;  // Pages of the address space, from page 1 on.
  constexpr std::uint64_t kFile = 32;       // Pages of the memory file.
  const auto nth = [](std::uint64_t page) { return page * kPageSize; };
  const std::vector<Region> regions = {{nth(20), nth(16), nth(16), kPageSize}, {nth(2), nth(16), 0, kPageSize}};
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](std::uint64_t limit) { return random() % limit; };
    RegionMap map(regions);
    NaiveMap model(regions);
    for (int step = 0; step < 30; ++step) {
      const std::uint64_t from = nth(1 + below(kAddresses));
      const std::uint64_t to = nth(1 + below(kAddresses));
      const ByteCount length = nth(1 + below(below(4) == 0 ? 16 : 3));
      const bool apart = from + length <= to || to + length <= from;  // mremap(2) refuses anything else.
      if (apart && below(4) != 0) {
        map.remap(from, to, length);
        model.remap(from, to, length);
      } else {
        map.unmap(from, from + length);
        model.unmap(from, from + length);
      }
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", step " << step);
      for (std::uint64_t page = 0; page < kAddresses + 20; ++page) {
        ASSERT_EQ(map.page_at(nth(page) + below(kPageSize)), model.page_at(nth(page))) << page;
      }
      const std::uint64_t start = nth(below(kAddresses));
      const std::uint64_t end = start + nth(below(kAddresses));
      ASSERT_EQ(by_page(map.places_of_addresses(start, end)), model.pages_of_addresses(start, end));
      const Extent extent = {nth(below(kFile)), nth(below(kFile))};
      ASSERT_EQ(by_page(map.places_of_extent(extent)), model.pages_of_extent(extent));
    }
  }
}

}  // namespace
}  // namespace snaphammer::uffd
