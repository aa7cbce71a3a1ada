#include "lib/base/units.h"

#include <gtest/gtest.h>

namespace snaphammer {
namespace {

TEST(Units, SizesAreReadWithTheirUnit) {
  EXPECT_EQ(parse_bytes("0B").value(), 0u);
  EXPECT_EQ(parse_bytes("4KiB").value(), 4096u);
  EXPECT_EQ(parse_bytes("256MiB").value(), 256_MiB);
  EXPECT_EQ(parse_bytes("16777215TiB").value(), 16777215ull << 40);
}

TEST(Units, ASizeThatIsNoneSaysWhy) {
  for (const char* text :
       {"", "MiB", "12", "12MB", "-1KiB", "1.5MiB", "1 KiB", "16777216TiB", "99999999999999999999B"}) {
    const auto size = parse_bytes(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().kind(), ErrorKind::kInvalid);
    EXPECT_FALSE(size.error().advice().empty());
  }
}

TEST(Units, DurationsAreReadWithTheirUnit) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_duration("250us").value(), 250us);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration("5m").value(), 5min);
  for (const char* text : {"", "s", "5", "-1s", "1e30h", "nans", "infs", "1 s", "5min"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Units, WhatIsOutOfRangeIsNotCalledWrongSyntax) {
  EXPECT_EQ(parse_bytes("16777216TiB").error().message(), "'16777216TiB' is not a size: too large");
  EXPECT_EQ(parse_bytes("99999999999999999999B").error().message(), "'99999999999999999999B' is not a size: too large");
  EXPECT_EQ(parse_duration("1e30h").error().message(), "'1e30h' is not a duration: too long");
  EXPECT_EQ(parse_duration("1e999s").error().message(), "'1e999s' is not a duration: too long or too short");
  EXPECT_EQ(parse_duration("-1s").error().message(), "'-1s' is not a duration: negative");
}

TEST(Units, FormattingIsTheInverseOfParsing) {
  for (const ByteCount bytes : {0_KiB, 1_KiB, 1023_KiB, 256_MiB, 3_GiB, 4097_KiB}) {
    EXPECT_EQ(parse_bytes(format_bytes(bytes)).value(), bytes);
  }
  using namespace std::chrono_literals;
  for (const Duration duration : {Duration(0ns), Duration(1ns), Duration(1500ms), Duration(2s), Duration(90min)}) {
    EXPECT_EQ(parse_duration(format_duration(duration)).value(), duration);
  }
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_bytes(256_MiB), "256MiB");
}

}  // namespace
}  // namespace snaphammer
