#include "lib/snapshot/manifest.h"

#include <gmock/gmock.h>

namespace snaphammer::snapshot {
namespace {

using nlohmann::json;
using testing::HasSubstr;

Manifest example() {
  return {.id = "s2",
          .build = {{1, 2}},
          .created = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000)),
          .parent = GenerationRef{"s1", {{3, 4}}},
          .sources = {{"s1", {{3, 4}}}, {"s0", {{5, 6}}}},
          .memory_size = 256_MiB,
          .memory_stored = 12_KiB,
          .header = {.size = 100, .checksum = {{7, 8}}},
          .vmstate = {.size = 200, .checksum = {{9, 10}}},
          .metadata = {{"vm", {{"memory", 268435456}, {"share", 0.1}}}, {"kernel", "6.1 \"é\""}}};
}

// The manifest as somebody else might have written it: with a right checksum.
std::string sealed(const std::function<void(json&)>& change) {
  json document = json::parse(format_manifest(example()).value());
  document.erase("checksum");
  change(document);
  std::string body = document.dump(2);
  body.resize(body.size() - 2);
  body += ",\n";
  return body + "  \"checksum\": \"" + checksum_of(body).hex() + "\"\n}\n";
}

TEST(Manifest, IsReadBackAsItWasWritten) {
  EXPECT_EQ(parse_manifest(format_manifest(example()).value()).value(), example());
  Manifest smallest{.id = "a", .build = {{1, 1}}, .metadata = json::object()};
  EXPECT_EQ(parse_manifest(format_manifest(smallest).value()).value(), smallest);
}

TEST(Manifest, ATimeFarFromNowIsATime) {
  EXPECT_TRUE(parse_manifest(sealed([](json& m) { m["created"] = "0985-01-01T00:00:00Z"; })));
}

TEST(Manifest, IsJsonThatPeopleCanRead) {
  const json document = json::parse(format_manifest(example()).value());
  EXPECT_EQ(document["created"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(document["parent"]["id"], "s1");
  EXPECT_EQ(document["build"], "00000000000000010000000000000002");
}

TEST(Manifest, AnyChangeOfAnyByteIsFound) {
  const std::string text = format_manifest(example()).value();
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const int bit : {0, 5}) {  // 5 turns letters into the other case, and a line's end into '*'.
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      EXPECT_FALSE(parse_manifest(changed)) << at;
    }
    EXPECT_FALSE(parse_manifest(text.substr(0, at))) << at;
    EXPECT_FALSE(parse_manifest(std::string(text).insert(at, " "))) << at;
  }
}

TEST(Manifest, AnotherFormatSaysWhatToDo) {
  const auto refused = parse_manifest(sealed([](json& m) { m["format"] = 2; }));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnfit);
  EXPECT_THAT(refused.error().message(), HasSubstr("format 2"));
  EXPECT_FALSE(refused.error().advice().empty());
}

TEST(Manifest, AWrongMemberIsNamed) {
  ASSERT_TRUE(parse_manifest(sealed([](json&) {})));
  const std::vector<std::pair<const char*, std::function<void(json&)>>> mistakes{
      {"'id'", [](json& m) { m["id"] = "../s1"; }},
      {"'id'", [](json& m) { m["sources"][0]["id"] = ".tmp-x"; }},
      {"'build'", [](json& m) { m["build"] = "AB"; }},
      {"'vmstate' is missing", [](json& m) { m.erase("vmstate"); }},
      {"'size'", [](json& m) { m["memory"]["size"] = -1; }},
      {"'stored'", [](json& m) { m["memory"]["stored"] = 1.5; }},
      {"'created'", [](json& m) { m["created"] = "yesterday"; }},
      {"'created'", [](json& m) { m["created"] = "2023-11-14T22:13:20"; }},
      {"'created'", [](json& m) { m["created"] = "2023-02-30T22:13:20Z"; }},
      {"'sources'", [](json& m) { m["sources"] = json::object(); }},
      {"not an object", [](json& m) { m["parent"] = 1; }},
      {"unknown member 'extra'", [](json& m) { m["extra"] = 1; }},
      {"unknown member 'more'", [](json& m) { m["header"]["more"] = 1; }},
  };
  for (const auto& [says, change] : mistakes) {
    const auto refused = parse_manifest(sealed(change));
    ASSERT_FALSE(refused) << says;
    EXPECT_EQ(refused.error().kind(), ErrorKind::kCorrupt);
    EXPECT_THAT(refused.error().message(), HasSubstr(says));
  }
}

TEST(Manifest, MetadataNestedWithoutEndIsRefused) {
  json deep = json::array();
  for (int i = 0; i < 100; ++i) deep = json::array({deep});
  EXPECT_THAT(parse_manifest(sealed([&](json& m) { m["metadata"] = deep; })).error().message(), HasSubstr("deeply"));
  Manifest manifest = example();
  manifest.metadata = deep;
  EXPECT_EQ(format_manifest(manifest).error().kind(), ErrorKind::kInvalid);
}

}  // namespace
}  // namespace snaphammer::snapshot
