#include "lib/snapshot/memory_header.h"

#include <functional>

#include <gmock/gmock.h>

namespace snaphammer::snapshot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr ByteCount kP = kPageSize;

BuildId build(std::uint64_t n) { return {{.high = 0, .low = n}}; }
std::vector<Checksum> blocks(std::size_t count) { return std::vector<Checksum>(count, Checksum{{1, 2}}); }

MemoryHeader parent_header() {
  HeaderBuilder builder(build(1), 8 * kP);
  builder.append_zeros(kP);
  builder.append_stored(blocks(4));
  builder.append_zeros(3 * kP);
  return std::move(builder).finish();
}

// Zeros, then one page of the parent, one of its own, two of the parent, zeros, one of its own, zeros.
MemoryHeader child_header() {
  const MemoryHeader parent = parent_header();
  HeaderBuilder builder(build(2), 8 * kP);
  builder.append_inherited(parent.map, 2 * kP);
  builder.append_stored(blocks(1));
  builder.append_inherited(parent.map, 3 * kP);
  builder.append_stored(blocks(1));
  builder.append_zeros(kP);
  return std::move(builder).finish();
}

TEST(MemoryHeader, IsMadeOfMaximalRuns) {
  HeaderBuilder builder(build(1), 6 * kP);
  builder.append_zeros(kP);
  builder.append_zeros(kP);
  builder.append_stored(blocks(1));
  builder.append_stored({});
  builder.append_stored(blocks(2));
  builder.append_zeros(kP);
  EXPECT_THAT(std::move(builder).finish().map.runs,
              ElementsAre(snapshot::Run{0, 2 * kP, 0, 0}, snapshot::Run{2 * kP, 3 * kP, 0, 1},
                          snapshot::Run{5 * kP, kP, 0, 0}));
}

TEST(MemoryHeader, InheritsWithTheStorageOffsetsOfTheParent) {
  const MemoryHeader child = child_header();
  EXPECT_THAT(child.map.sources, ElementsAre(BuildId(), build(2), build(1)));
  EXPECT_THAT(child.map.runs,
              ElementsAre(snapshot::Run{0, kP, 0, 0}, snapshot::Run{kP, kP, 0, 2}, snapshot::Run{2 * kP, kP, 0, 1},
                          snapshot::Run{3 * kP, 2 * kP, 2 * kP, 2}, snapshot::Run{5 * kP, kP, 0, 0},
                          snapshot::Run{6 * kP, kP, kP, 1}, snapshot::Run{7 * kP, kP, 0, 0}));
}

TEST(MemoryHeader, AGrandchildNamesTheGenerationThatStoresThePage) {
  HeaderBuilder builder(build(3), 8 * kP);
  builder.append_inherited(child_header().map, 8 * kP);
  const MemoryHeader grandchild = std::move(builder).finish();
  EXPECT_THAT(grandchild.map.sources, ElementsAre(BuildId(), build(3), build(1), build(2)));
  EXPECT_EQ(grandchild.map.runs[1], (snapshot::Run{kP, kP, 0, 2}));
  EXPECT_EQ(grandchild.map.runs[2], (snapshot::Run{2 * kP, kP, 0, 3}));
}

TEST(MemoryHeader, FindsTheRunOfAnOffset) {
  const MemoryMap map = child_header().map;
  EXPECT_EQ(map.find_run(0), 0u);
  EXPECT_EQ(map.find_run(4 * kP), 3u);
  EXPECT_EQ(map.find_run(7 * kP), 6u);
}

TEST(MemoryHeader, IsReadBackAsItWasWritten) {
  for (const MemoryHeader& header : {parent_header(), child_header()}) {
    EXPECT_EQ(decode_header(encode(header)).value(), header);
  }
}

TEST(MemoryHeader, AFileThatIsCutOffOrTooLongIsRefused) {
  std::vector<std::byte> file = encode(child_header());
  for (std::size_t length = 0; length < file.size(); ++length) {
    EXPECT_FALSE(decode_header(std::span(file).first(length))) << length;
  }
  file.push_back({});
  EXPECT_FALSE(decode_header(file));
}

TEST(MemoryHeader, AnotherVersionSaysWhatToDo) {
  std::vector<std::byte> file = encode(child_header());
  file[8] = std::byte{9};
  const auto refused = decode_header(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnfit);
  EXPECT_THAT(refused.error().message(), HasSubstr("version 9"));
  EXPECT_FALSE(refused.error().advice().empty());
}

struct Malformed {
  const char* name;
  const char* says;
  std::function<void(MemoryHeader&)> change;
};

class MalformedHeader : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedHeader, IsRefused) {
  MemoryHeader header = child_header();
  GetParam().change(header);
  const auto refused = decode_header(encode(header));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(refused.error().message(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Headers, MalformedHeader,
    testing::Values(Malformed{"Gap", "gap", [](auto& h) { h.map.runs[2].offset += kP, h.map.runs[2].length -= kP; }},
                    Malformed{"GapAtTheBegin", "gap", [](auto& h) { h.map.runs.erase(h.map.runs.begin()); }},
                    Malformed{"GapInTheMiddle", "gap", [](auto& h) { h.map.runs.erase(h.map.runs.begin() + 4); }},
                    Malformed{"Overlap", "overlaps", [](auto& h) { h.map.runs[1].length += kP; }},
                    Malformed{"EndsEarly", "runs end at 0x7000 of 0x8000", [](auto& h) { h.map.runs.pop_back(); }},
                    Malformed{"EndsLate", "reaches beyond", [](auto& h) { h.map.runs.back().length += kP; }},
                    Malformed{"LengthThatIsNegativeWhenSigned", "reaches beyond",
                              [](auto& h) { h.map.runs[0].length = ~ByteCount{0} - kP + 1; }},
                    Malformed{"LengthZero", "whole number of pages", [](auto& h) { h.map.runs[0].length = 0; }},
                    Malformed{"LengthOfHalfAPage", "whole number of pages",
                              [](auto& h) { h.map.runs[0].length = kP / 2; }},
                    Malformed{"UnsortedRuns", "gap", [](auto& h) { std::swap(h.map.runs[1], h.map.runs[2]); }},
                    Malformed{"NoRuns", "runs end at 0x0", [](auto& h) { h.map.runs.clear(); }},
                    Malformed{"NoSuchSource", "source 3 of 3", [](auto& h) { h.map.runs[1].source = 3; }},
                    Malformed{"ZerosWithStorage", "zeros and has", [](auto& h) { h.map.runs[0].storage = kP; }},
                    Malformed{"StorageMisaligned", "bad storage", [](auto& h) { h.map.runs[1].storage = 1; }},
                    Malformed{"StorageThatOverflows", "bad storage",
                              [](auto& h) { h.map.runs[3].storage = ~ByteCount{0} - kP + 1; }},
                    Malformed{"StoredPageUsedTwice", "not stored after", [](auto& h) { h.map.runs[5].storage = 0; }},
                    Malformed{"StoredPageLeftOut", "not stored after", [](auto& h) { h.map.runs[5].storage = 2 * kP; }},
                    Malformed{"StoredPageNeverUsed", "of 0x3000 stored", [](auto& h) { h.blocks.push_back({}); }},
                    Malformed{"InheritedPageUsedTwice", "not stored after", [](auto& h) { h.map.runs[3].storage = 0; }},
                    Malformed{"RunsThatShouldBeOne", "not joined",
                              [](auto& h) {
                                h.map.runs.back().source = 1, h.map.runs.back().storage = 2 * kP,
                                h.blocks.push_back({});
                              }},
                    Malformed{"ZerosThatShouldBeOne", "not joined",
                              [](auto& h) {
                                h.map.runs[5] = {6 * kP, kP, 0, 0};
                                h.blocks.pop_back();
                              }},
                    Malformed{"SourceTwice", "listed twice", [](auto& h) { h.map.sources[2] = h.map.sources[1]; }},
                    Malformed{"SourceUnused", "not used", [](auto& h) { h.map.sources.push_back(build(9)); }},
                    Malformed{"OwnIdIsNil", "listed twice", [](auto& h) { h.map.sources[1] = {}; }},
                    Malformed{"ZerosIdIsNotNil", "not the nil", [](auto& h) { h.map.sources[0] = build(9); }},
                    Malformed{"SizeZero", "guest memory of 0", [](auto& h) { h.map.size = 0; }},
                    Malformed{"SizeOfHalfAPage", "guest memory of", [](auto& h) { h.map.size += kP / 2; }}),
    [](const auto& instance) { return instance.param.name; });

TEST(MemoryHeader, NoFlippedBitReadsAsTheSameHeader) {
  const MemoryHeader header = child_header();
  const std::vector<std::byte> file = encode(header);
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::vector<std::byte> flipped = file;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto read = decode_header(flipped);
    EXPECT_FALSE(read && *read == header) << "bit " << bit;
  }
}

}  // namespace
}  // namespace snaphammer::snapshot
