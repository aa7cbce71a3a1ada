#include "harness/scenario/document.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "harness/scenario/testing/errors_of.h"

namespace snaphammer::scenario {
namespace {

/// The only error of a text.
std::string error_in(const std::string& text) {
  const Document document = parse_document("test.yaml", text);
  return errors_of(document.diagnostics);
}

Node tree(const std::string& text) {
  Document document = parse_document("test.yaml", text);
  EXPECT_EQ(errors_of(document.diagnostics), "");
  return std::move(document.root);
}

TEST(Document, KeepsScalarsAsTextWithTheirPlace) {
  const Node root = tree("a: 1\nb:\n  - off\n  - \"off\"\n");
  const Node& list = *root.find("b");
  EXPECT_EQ(root.find("a")->text, "1");
  EXPECT_EQ(root.find("a")->where, (Position{1, 4}));
  EXPECT_EQ(root.keys[1].where, (Position{2, 1}));
  EXPECT_EQ(list.items[0].text, "off");
  EXPECT_FALSE(list.items[0].quoted);
  EXPECT_TRUE(list.items[1].quoted);
  EXPECT_EQ(list.items[1].where, (Position{4, 5}));
}

TEST(Document, AKeyWithoutAValueIsNull) {
  const Node root = tree("a:\nb: ~\n");
  EXPECT_TRUE(root.find("a")->is_null());
  EXPECT_TRUE(root.find("b")->is_null());
  EXPECT_EQ(root.find("c"), nullptr);
}

TEST(Document, ColumnsCountCharactersNotBytes) { EXPECT_EQ(tree("{\"äö\": x}").items[0].where, (Position{1, 8})); }

TEST(Document, AKeyThatIsThereTwiceIsAnErrorAtTheSecond) {
  EXPECT_EQ(error_in("a: 1\nb: {c: 1, c: 2}\na: 3\n"),
            "2:11: key 'c' is there twice; first in line 2\n"
            "3:1: key 'a' is there twice; first in line 1\n");
}

TEST(Document, AliasesAreExpanded) {
  const Node root = tree("a: &x {n: 1}\nb: *x\n");
  EXPECT_EQ(free_json(root), nlohmann::json::parse(R"({"a": {"n": 1}, "b": {"n": 1}})"));
}

TEST(Document, MergeKeysGiveWhatTheMapDoesNotSay) {
  const Node root = tree("base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\n");
  EXPECT_EQ(free_json(*root.find("more")), nlohmann::json::parse(R"({"b": 3, "a": 1})"));
}

TEST(Document, OnlyMapsCanBeMerged) {
  EXPECT_EQ(error_in("a: {<<: 5}"), "1:9: expected a map to merge (<<), got '5'\n");
}

TEST(Document, AnAliasInsideItselfIsAnError) {
  EXPECT_EQ(error_in("a: &x [*x]"),
            "1:8: an alias inside of what it stands for; anchor a part that does not contain it\n");
}

TEST(Document, AnUnknownAliasIsAnError) {
  EXPECT_EQ(
      error_in("a: *nowhere"),
      "1:4: not YAML: nothing has this name; name a value with &NAME before using it as *NAME; put text that begins "
      "with '*' in quotes\n");
}

TEST(Document, TagsAreRefused) {
  EXPECT_EQ(error_in("a: !!python/object x"),
            "1:4: a tag (tag:yaml.org,2002:python/object); remove it: a value is read as the type that its key "
            "expects\n");
}

TEST(Document, KeysAreWords) {
  EXPECT_EQ(error_in("? [a, b]\n: 1\n"), "1:3: a key that is a list or a map; keys are words\n");
  EXPECT_EQ(error_in("~: 1\n"), "1:1: a key that is no word; keys are words\n");
}

TEST(Document, OneFileIsOneDocument) {
  EXPECT_EQ(error_in("a: 1\n---\nb: 1\n"), "2:1: a second document begins here; write one scenario per file\n");
}

TEST(Document, AnEmptyTextIsNull) {
  EXPECT_TRUE(tree("").is_null());
  EXPECT_TRUE(tree("# only a comment\n").is_null());
}

TEST(Document, WhatIsNotYamlSaysWhere) {
  EXPECT_EQ(error_in("a: [1, 2\n"), "2:1: not YAML: expected ',' or ']'; close the '[' of line 1, column 4\n");
  EXPECT_EQ(error_in("a: &x {b: [1, 2], c: &y {d: 1\ne: f}\n"),
            "2:2: not YAML: expected ',' or '}'; close the '{' of line 1, column 22\n");
  EXPECT_EQ(error_in("a: [b: c: d]\n"), "1:9: not YAML: expected ',' or ']'; close the '[' of line 1, column 4\n");
  EXPECT_EQ(error_in("a: 1\n\tb: 2\n"), "2:1: not YAML: a tab indents this line; indent with spaces\n");
  EXPECT_EQ(error_in("a:\n  b:\n\t  c: d\n"), "3:5: not YAML: a tab indents this line; indent with spaces\n");
  EXPECT_EQ(error_in("a: b: c\n"),
            "1:5: not YAML: a ':' where no value can begin; put text with a ':' in it in quotes, or indent the line as "
            "the keys that it belongs to\n");
  EXPECT_EQ(error_in("a: @x\n"), "1:4: not YAML: text cannot begin with '@'; put it in quotes\n");
  EXPECT_EQ(error_in("a: {b: c}}\n"), "1:10: not YAML: a '}' that closes nothing; remove it\n");
  EXPECT_EQ(error_in("a: - b\n"),
            "1:4: not YAML: a '-' where no list can begin; begin each entry in a line of its own, or write the list as "
            "[a, b]\n");
  EXPECT_EQ(
      error_in("a:\n  - b\n - c\n"),
      "3:2: not YAML: neither a further key nor the end of the keys above it; indent it as what it belongs to; put "
      "text with quotes or ': ' in it in quotes as a whole\n");
}

TEST(Document, AQuoteThatIsNotClosedIsFoundWhereItIsOpened) {
  EXPECT_EQ(error_in("a: 'b\nc: [d]\n"), "1:4: not YAML: a quote that is never closed; close it with '\n");
  EXPECT_EQ(error_in("a: &x \"b \\\"\nc: [d]\n"), "1:4: not YAML: a quote that is never closed; close it with \"\n");
  EXPECT_EQ(error_in("a: \"b\nc: \"d\"\n"),
            "2:5: not YAML: neither a further key nor the end of the keys above it; the quote of line 1, column 4 is "
            "closed only here\n");
  EXPECT_EQ(tree("a: 'it''s\n  one'\nb: \"\\\\\"\nc: |\n  'x\nd: \"e'\"\n").keys.size(), 4U);
}

TEST(Document, BytesThatAreNoTextAreRefused) {
  using namespace std::string_literals;
  EXPECT_EQ(error_in("a: \0b"s), "1:4: byte 0x00 is not text; save the file as UTF-8\n");
  EXPECT_EQ(error_in("ok: 1\na: \xff\n"), "2:4: byte 0xff is not text; save the file as UTF-8\n");
  EXPECT_EQ(error_in("a: \xe2\x82"), "1:4: byte 0xe2 is not text; save the file as UTF-8\n");
}

TEST(Document, AByteOrderMarkIsNoPartOfTheText) {
  EXPECT_EQ(tree("\xEF\xBB\xBF"
                 "a: 1")
                .keys[0]
                .where,
            (Position{1, 1}));
}

TEST(Document, WindowsLineEndsAreRead) {
  const Node root = tree("a: 1\r\nb: x\r\n");
  EXPECT_EQ(root.find("b")->text, "x");
  EXPECT_EQ(line_of("a: 1\r\nb: x\r\n", 2), "b: x");
}

// ---- bounds: each of these would hurt a loader that trusts its input

TEST(DocumentBounds, DeepNestingIsRefused) {
  EXPECT_EQ(error_in(std::string(65, '[') + std::string(65, ']')), "1:65: nested more than 64 levels deep\n");
  EXPECT_NE(error_in(std::string(200'000, '[')), "");
  EXPECT_NE(error_in(std::string(200'000, '{')), "");
  EXPECT_NE(error_in([] {
              std::string text;
              for (int i = 0; i < 1000; ++i) text += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
              return text;
            }()),
            "");
  EXPECT_EQ(error_in(std::string(64, '[') + std::string(64, ']')), "");
}

TEST(DocumentBounds, DepthHiddenInAliasesIsRefused) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i <= 100; ++i) text += fmt::format("a{0}: &a{0} [*a{1}]\n", i, i - 1);
  EXPECT_EQ(error_in(text), "64:12: nested more than 64 levels deep\n");
}

TEST(DocumentBounds, AnAliasBombIsRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    text +=
        fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  }
  EXPECT_THAT(error_in(text), ::testing::HasSubstr("more than 100000 values, aliases expanded"));
}

TEST(DocumentBounds, AHugeFileIsRefused) {
  EXPECT_EQ(error_in(std::string(kMaxFileBytes + 1, ' ')),
            "0:0: 1048577 bytes: larger than a scenario may be (1048576)\n");
}

TEST(DocumentBounds, ManyKeysOfOneMapAreReadInBoundedTime) {
  std::string text;
  for (int i = 0; i < 49'000; ++i) text += fmt::format("key{}: 1\n", i);
  EXPECT_EQ(tree(text).keys.size(), 49'000u);
}

TEST(FreeJson, ReadsPlainScalarsByTheCoreRules) {
  const Node root = tree("[1, -2, 1.5, 1e3, true, null, ~, off, '1', 1.2.3, .5, nan, 0x10]");
  EXPECT_EQ(free_json(root), nlohmann::json::parse(
                                 R"([1, -2, 1.5, 1000.0, true, null, null, "off", "1", "1.2.3", 0.5, "nan", "0x10"])"));
}

TEST(FreeJson, ComesBackFromJson) {
  const auto json = nlohmann::json::parse(R"({"a": [1, "1", true, null, 1.5, {"b": "x"}], "c": {}})");
  EXPECT_EQ(free_json(node_from_json(json)), json);
}

}  // namespace
}  // namespace snaphammer::scenario
