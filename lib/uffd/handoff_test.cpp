// The hand-off's text: which is read, and how every other is refused. How it comes over the socket is in
// handoff_socket_test.cpp.
#include "lib/uffd/handoff.h"

#include <gmock/gmock.h>

namespace snaphammer::uffd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string case_name(const auto& info) { return info.param.name; }

/// Refused as somebody else's mistake: kInvalid, says what is wrong, and what to do.
void expect_refused(const auto& result, std::string_view why) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kInvalid);
  EXPECT_THAT(result.error().message(), testing::StartsWith("hand-off: "));
  EXPECT_THAT(result.error().message(), HasSubstr(why));
  EXPECT_FALSE(result.error().advice().empty());
}

constexpr char kFirecracker[] =
    R"([{"base_host_virt_addr":140587522588672,"size":134217728,"offset":0,"page_size":4096,"page_size_kib":4096},)"
    R"({"base_host_virt_addr":140587656806400,"size":2097152,"offset":134217728,"page_size":2097152,)"
    R"("page_size_kib":2097152}])";

TEST(HandoffText, OfFirecrackerIsRead) {
  const auto regions = parse_regions(kFirecracker);
  ASSERT_TRUE(regions) << regions.error().describe();
  EXPECT_THAT(*regions,
              ElementsAre(Region{140587522588672, 128_MiB, 0, 4_KiB}, Region{140587656806400, 2_MiB, 128_MiB, 2_MiB}));
}

TEST(HandoffText, OneOfThePageSizeFieldsIsEnough) {
  const std::vector<Region> wanted = {{4096, 4096, 0, 4096}};
  for (const char* field : {"page_size", "page_size_kib"}) {
    const std::string text =
        R"([{"base_host_virt_addr":4096,"size":4096,"offset":0,")" + std::string(field) + R"(":4096}])";
    EXPECT_EQ(parse_regions(text), wanted) << field;
  }
}

TEST(HandoffText, FieldsOfLaterVersionsAreIgnored) {
  EXPECT_TRUE(parse_regions(
      R"([{"base_host_virt_addr":0,"size":4096,"offset":0,"page_size":4096,"more":{"size":"x","size2":[1]}}])"));
}

TEST(HandoffText, HoldsNumbersOf64Bits) {
  const std::vector<Region> largest = {{~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}}};
  EXPECT_EQ(parse_regions(format_regions(largest)), largest);
}

TEST(HandoffText, IsReadBackAsItWasWritten) {
  const std::vector<Region> regions = {{0x7f00'0000'0000, 2_GiB, 0, 4_KiB}, {0x7e00'0000'0000, 2_MiB, 2_GiB, 2_MiB}};
  EXPECT_EQ(parse_regions(format_regions(regions)), regions);
}

TEST(HandoffText, CutAnywhereIsRefused) {
  const std::string text = kFirecracker;
  for (std::size_t length = 0; length < text.size(); ++length)
    expect_refused(parse_regions(text.substr(0, length)), "");
}

struct BadText {
  const char* name;
  std::string text;
  const char* why;
};
class BadHandoffText : public testing::TestWithParam<BadText> {};

TEST_P(BadHandoffText, IsRefusedWithItsReason) { expect_refused(parse_regions(GetParam().text), GetParam().why); }

// A good region, and one whose member `name` is `value`, or is missing when there is none.
constexpr char kGood[] = R"({"base_host_virt_addr":4096,"size":4096,"offset":0,"page_size":4096})";
std::string region_with(std::string_view name, std::string_view value) {
  std::string text;
  for (const char* field : {"base_host_virt_addr", "size", "offset", "page_size"}) {
    if (field == name && value.empty()) continue;
    text += (text.empty() ? "\"" : ",\"") + std::string(field) + "\":";
    text += field == name ? value : "4096";
  }
  return "[" + std::string(kGood) + ",{" + text + "}]";
}
std::string with_member(std::string_view member) {
  std::string region = kGood;
  region.insert(region.size() - 1, "," + std::string(member));
  return "[" + region + "]";
}

INSTANTIATE_TEST_SUITE_P(NotJson, BadHandoffText,
                         testing::Values(BadText{"Empty", "", "not JSON"},                                       //
                                         BadText{"Words", "hello", "not JSON"},                                  //
                                         BadText{"TrailingComma", "[" + std::string(kGood) + ",]", "not JSON"},  //
                                         BadText{"MoreAfterIt", "[" + std::string(kGood) + "]x", "not JSON"},    //
                                         BadText{"TwoArrays", "[" + std::string(kGood) + "][]", "not JSON"},     //
                                         BadText{"NotUtf8", with_member("\"\xff\xfe\":1"), "not JSON"},          //
                                         BadText{"Nul", std::string("[\0]", 3), "not JSON"},                     //
                                         BadText{"DeeplyNested", std::string(60'000, '['), "not JSON"}),
                         case_name<testing::TestParamInfo<BadText>>);
INSTANTIATE_TEST_SUITE_P(NotRegions, BadHandoffText,
                         testing::Values(BadText{"Object", R"({"regions":[]})", "not a JSON array"},
                                         BadText{"Number", "5", "not a JSON array"},
                                         BadText{"Null", "null", "not a JSON array"},
                                         BadText{"NoRegion", "[]", "no memory region"},
                                         BadText{"ArrayOfNumbers", "[1]", "region 0: not an object"},
                                         BadText{"ArrayOfArrays", "[[]]", "region 0: not an object"},
                                         BadText{"DeepInside", std::string(3'000, '[') + std::string(3'000, ']'),
                                                 "region 0: not an object"}),
                         case_name<testing::TestParamInfo<BadText>>);
INSTANTIATE_TEST_SUITE_P(
    Fields, BadHandoffText,
    testing::Values(
        BadText{"NoBase", region_with("base_host_virt_addr", ""), "region 1: no field 'base_host_virt_addr'"},
        BadText{"NoSize", region_with("size", ""), "region 1: no field 'size'"},
        BadText{"NoOffset", region_with("offset", ""), "region 1: no field 'offset'"},
        BadText{"NoPageSize", region_with("page_size", ""), "region 1: no field 'page_size'"},
        BadText{"Negative", region_with("size", "-4096"), "region 1: 'size' is -4096, not an unsigned number"},
        BadText{"Fraction", region_with("offset", "0.5"), "region 1: 'offset' is 0.5, not an unsigned number"},
        BadText{"Exponent", region_with("size", "4e3"), "region 1: 'size' is 4000.0, not an unsigned number"},
        BadText{"String", region_with("size", "\"4096\""), "region 1: 'size' is string, not an unsigned number"},
        BadText{"Null", region_with("size", "null"), "region 1: 'size' is null, not an unsigned number"},
        BadText{"Bool", region_with("offset", "false"), "region 1: 'offset' is boolean, not an unsigned number"},
        BadText{"Array", region_with("page_size", "[4096]"), "region 1: 'page_size' is array, not an unsigned number"},
        BadText{"MoreThan64Bits", region_with("size", "18446744073709551616"),
                "region 1: 'size' is 1.8446744073709552e+19"},
        BadText{"SizeTwice", with_member(R"("size":8192)"), "field 'size' appears twice"},
        BadText{"UnknownTwice", with_member(R"("x":1,"x":1)"), "field 'x' appears twice"},
        BadText{"KibInKib", with_member(R"("page_size_kib":4)"), "page_size 4096 and page_size_kib 4 differ"}),
    case_name<testing::TestParamInfo<BadText>>);

TEST(HandoffText, RefusalsAreShortAndPrintableWhateverWasSent) {
  for (const std::string& junk : {std::string(50'000, 'x'), std::string(50'000, '\xff'), std::string("\x1b[2J\a")}) {
    for (const std::string& text : {"[\"" + junk, "[" + junk, with_member("\"" + junk + "\":1,\"" + junk + "\":2")}) {
      const auto refused = parse_regions(text);
      ASSERT_FALSE(refused);
      EXPECT_LT(refused.error().message().size(), 400u);
      for (const char c : refused.error().message()) ASSERT_TRUE(c >= ' ' && c <= '~') << refused.error().message();
    }
  }
}

// Regions that check out against a memory file of 16 MiB.
constexpr std::uint64_t kBase = 0x7f00'0000'0000;
std::vector<Region> good_regions() { return {{kBase, 6_MiB, 0, 4_KiB}, {kBase + 1_GiB, 10_MiB, 6_MiB, 2_MiB}}; }

TEST(HandoffRegions, ThatCoverTheFileAreAccepted) { EXPECT_TRUE(check_regions(good_regions(), 16_MiB)); }

TEST(HandoffRegions, MayComeInAnyOrder) {
  const std::vector<Region> regions = good_regions();
  EXPECT_TRUE(check_regions({regions[1], regions[0]}, 16_MiB));
}

TEST(HandoffRegions, MayTouchEachOther) {
  EXPECT_TRUE(check_regions({{kBase, 8_MiB, 0, 4_KiB}, {kBase + 8_MiB, 8_MiB, 8_MiB, 4_KiB}}, 16_MiB));
  EXPECT_TRUE(check_regions({{kBase, 8_MiB, 8_MiB, 4_KiB}, {kBase + 8_MiB, 8_MiB, 0, 4_KiB}}, 16_MiB));
}

struct BadRegions {
  const char* name;
  std::vector<Region> regions;
  const char* why;
};
class BadHandoffRegions : public testing::TestWithParam<BadRegions> {};

TEST_P(BadHandoffRegions, AreRefusedWithTheirReason) {
  expect_refused(check_regions(GetParam().regions, 16_MiB), GetParam().why);
}

std::vector<Region> with_second(Region second) { return {good_regions().front(), second}; }

constexpr std::uint64_t kSecond = kBase + 1_GiB;
INSTANTIATE_TEST_SUITE_P(
    PageSizes, BadHandoffRegions,
    testing::Values(
        BadRegions{"None", with_second({kSecond, 10_MiB, 6_MiB, 0}), "region 1: page size 0 is neither"},
        BadRegions{"Kibibytes", with_second({kSecond, 10_MiB, 6_MiB, 4}), "region 1: page size 4 is neither"},
        BadRegions{"Odd", with_second({kSecond, 10_MiB, 6_MiB, 4097}), "page size 4097 is neither"},
        BadRegions{"Between", with_second({kSecond, 10_MiB, 6_MiB, 64_KiB}), "page size 65536 is neither"},
        BadRegions{"OneGibibyte", with_second({kSecond, 10_MiB, 6_MiB, 1_GiB}), "is neither 4096 nor 2097152"}),
    case_name<testing::TestParamInfo<BadRegions>>);
INSTANTIATE_TEST_SUITE_P(
    Alignment, BadHandoffRegions,
    testing::Values(
        BadRegions{"Base", with_second({kSecond + 1, 10_MiB, 6_MiB, 4_KiB}), "region 1: base_host_virt_addr"},
        BadRegions{"Size", with_second({kSecond, 10_MiB - 8, 6_MiB, 4_KiB}), "region 1: size"},
        BadRegions{"Offset", with_second({kSecond, 10_MiB, 6_MiB + 512, 4_KiB}), "region 1: offset"},
        BadRegions{"BaseOfHugePages", with_second({kSecond + 4_KiB, 10_MiB, 6_MiB, 2_MiB}),
                   "is not a multiple of its page size 0x200000"},
        BadRegions{"SizeOfHugePages", with_second({kSecond, 9_MiB, 6_MiB, 2_MiB}), "region 1: size 0x900000"},
        BadRegions{"OffsetOfHugePages", with_second({kSecond, 8_MiB, 7_MiB, 2_MiB}), "region 1: offset 0x700000"}),
    case_name<testing::TestParamInfo<BadRegions>>);
INSTANTIATE_TEST_SUITE_P(
    Ranges, BadHandoffRegions,
    testing::Values(BadRegions{"EmptyRegion", with_second({kSecond, 0, 6_MiB, 4_KiB}), "region 1: empty"},
                    BadRegions{"NoRegions", {}, "cover 0x0 bytes"},
                    BadRegions{"AddressesWrapAround",
                               with_second({~std::uint64_t{0} - 4_MiB + 1, 10_MiB, 6_MiB, 4_KiB}),
                               "region 1: 0xffffffffffc00000 + 0xa00000 exceeds the address space"},
                    BadRegions{"FileOffsetWrapsAround",
                               with_second({kSecond, 10_MiB, ~std::uint64_t{0} - 4_MiB + 1, 4_KiB}),
                               "exceeds the snapshot's memory"},
                    BadRegions{"SizeWrapsAround", with_second({0, ~std::uint64_t{0} - 4_KiB + 1, 6_MiB, 4_KiB}),
                               "exceeds the snapshot's memory"},
                    BadRegions{"BehindTheFile", with_second({kSecond, 10_MiB, 16_MiB, 4_KiB}),
                               "region 1: offset 0x1000000 + size 0xa00000 exceeds"},
                    BadRegions{"BeyondTheFile", with_second({kSecond, 10_MiB + 4_KiB, 6_MiB, 4_KiB}),
                               "exceeds the snapshot's memory of 0x1000000 bytes"}),
    case_name<testing::TestParamInfo<BadRegions>>);
INSTANTIATE_TEST_SUITE_P(Overlaps, BadHandoffRegions,
                         testing::Values(BadRegions{"InAddresses",
                                                    with_second({kBase + 6_MiB - 4_KiB, 10_MiB, 6_MiB, 4_KiB}),
                                                    "two regions overlap in the VMM's addresses at 0x7f00005ff000"},
                                         BadRegions{"InTheFile",
                                                    {{kBase, 8_MiB, 0, 4_KiB}, {kSecond, 8_MiB, 8_MiB - 4_KiB, 4_KiB}},
                                                    "two regions overlap in the memory file at 0x7ff000"},
                                         BadRegions{"OneInsideTheOther",
                                                    {{kBase, 16_MiB, 0, 4_KiB}, {kBase + 4_MiB, 4_KiB, 4_MiB, 4_KiB}},
                                                    "two regions overlap in the VMM's addresses"},
                                         BadRegions{"TheSameTwice",
                                                    {{kBase, 8_MiB, 0, 4_KiB}, {kBase, 8_MiB, 0, 4_KiB}},
                                                    "two regions overlap in the VMM's addresses at 0x7f0000000000"}),
                         case_name<testing::TestParamInfo<BadRegions>>);
INSTANTIATE_TEST_SUITE_P(
    Gaps, BadHandoffRegions,
    testing::Values(BadRegions{"AtTheBeginning",
                               {{kBase, 16_MiB - 4_KiB, 4_KiB, 4_KiB}},
                               "regions cover 0xfff000 bytes of the snapshot's 0x1000000"},
                    BadRegions{"AtTheEnd", {{kBase, 16_MiB - 4_KiB, 0, 4_KiB}}, "regions cover 0xfff000 bytes"},
                    BadRegions{"Between",
                               {{kBase, 8_MiB, 0, 4_KiB}, {kSecond, 4_MiB, 12_MiB, 4_KiB}},
                               "regions cover 0xc00000 bytes"}),
    case_name<testing::TestParamInfo<BadRegions>>);

}  // namespace
}  // namespace snaphammer::uffd
