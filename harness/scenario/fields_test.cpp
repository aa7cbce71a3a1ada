#include "harness/scenario/fields.h"

#include <gmock/gmock.h>

#include "harness/scenario/testing/errors_of.h"
#include "harness/scenario/union.h"

namespace snaphammer::scenario {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

enum class Mode { kOff, kFast, kSlow };
void describe(Choices<Mode>& words) {
  words.add(Mode::kOff, "off", "not at all");
  words.add(Mode::kFast, "fast", "in no time");
  words.add(Mode::kSlow, "slow", "with delay", "an old release");
}

struct Inner {
  int level = -1;
  bool enabled = true;
};
void describe(Fields<Inner>& fields) {
  fields.add("level", &Inner::level, "How much.").between(-5, 5);
  fields.add("enabled", &Inner::enabled, "Whether.");
}

struct Nothing {};
struct ByKey {
  std::string path;
};
void describe(Fields<ByKey>& fields) { fields.add("path", &ByKey::path, "Where it is.").required(); }
using Shapes = std::variant<Nothing, ByKey, ByteCount>;
void describe(Union<Shapes>& shapes) {
  shapes.word<Nothing>("none", "there is none");
  shapes.map<ByKey>("path");
  shapes.value<ByteCount, SizeCodec>();
}

struct Sample {
  std::string name;
  bool flag = false;
  std::uint8_t small = 7;
  std::int64_t wide = 0;
  double ratio = 0.5;
  ByteCount memory = 256_MiB;
  Duration grace = 5s;
  Mode mode = Mode::kFast;
  std::vector<std::string> words;
  std::optional<unsigned> maybe;
  Inner inner;
  Shapes shape;
  json free;
};
void describe(Fields<Sample>& fields) {
  fields.add("name", &Sample::name, "What it is called.").required().matching("[a-z]+", "a name of a-z");
  fields.add("flag", &Sample::flag, "A flag.");
  fields.add("small", &Sample::small, "A small number.");
  fields.add("wide", &Sample::wide, "A wide number.");
  fields.add("ratio", &Sample::ratio, "A ratio.").between(0, 1);
  fields.size("memory", &Sample::memory, "A size.").between(4_KiB, 1_GiB);
  fields.add("grace", &Sample::grace, "A time.").between(0s, 1min);
  fields.add("mode", &Sample::mode, "A choice.");
  fields.add("words", &Sample::words, "A list.");
  fields.add("maybe", &Sample::maybe, "Perhaps a number.").between(1, 9);
  fields.add("inner", &Sample::inner, "A map.");
  fields.add("shape", &Sample::shape, "A union.");
  fields.add("free", &Sample::free, "Anything.");
}

struct ReadSample {
  Sample value;
  std::string errors;
};
ReadSample read(const std::string& text) {
  const Document document = parse_document("test.yaml", text);
  EXPECT_EQ(errors_of(document.diagnostics), "");
  Reader reader("test.yaml", text, {});
  ReadSample result;
  const bool good = Codec<Sample>::read(reader, document.root, result.value);
  result.errors = errors_of(reader.diagnostics());
  EXPECT_EQ(good, result.errors.empty()) << text;
  return result;
}
std::string errors(const std::string& text) { return read(text).errors; }
Sample sample(const std::string& text) {
  ReadSample result = read(text);
  EXPECT_EQ(result.errors, "");
  return result.value;
}

TEST(Fields, WhatIsNotSaidHasItsDefault) {
  const Sample value = sample("name: x");
  EXPECT_EQ(value.small, 7);
  EXPECT_EQ(value.memory, 256_MiB);
  EXPECT_EQ(value.grace, 5s);
  EXPECT_FALSE(value.maybe.has_value());
  EXPECT_EQ(value.inner.level, -1);
}

TEST(Fields, EachTypeIsRead) {
  const Sample value = sample(
      "name: x\nflag: true\nsmall: 255\nwide: -9223372036854775808\nratio: 0.25\nmemory: 64MiB\ngrace: 1500ms\n"
      "mode: slow\nwords: [a, 1, yes]\nmaybe: 3\ninner: {level: 5, enabled: off}\nfree: {a: [1, x]}\n");
  EXPECT_TRUE(value.flag);
  EXPECT_EQ(value.small, 255);
  EXPECT_EQ(value.wide, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(value.ratio, 0.25);
  EXPECT_EQ(value.memory, 64_MiB);
  EXPECT_EQ(value.grace, 1500ms);
  EXPECT_EQ(value.mode, Mode::kSlow);
  EXPECT_EQ(value.words, (std::vector<std::string>{"a", "1", "yes"}));
  EXPECT_EQ(value.maybe, 3u);
  EXPECT_EQ(value.inner.level, 5);
  EXPECT_FALSE(value.inner.enabled);
  EXPECT_EQ(value.free, json::parse(R"({"a": [1, "x"]})"));
}

TEST(Fields, OnAndOffMeanTheSameInEverySpelling) {
  for (const char* yes : {"true", "True", "TRUE", "on", "On", "yes", "\"on\"", "'true'"}) {
    EXPECT_TRUE(sample(std::string("name: x\nflag: ") + yes).flag) << yes;
  }
  for (const char* no : {"false", "off", "OFF", "no", "\"off\""}) {
    EXPECT_FALSE(sample(std::string("name: x\nflag: ") + no).flag) << no;
  }
  for (const char* off : {"off", "\"off\"", "false", "no"}) {
    EXPECT_EQ(sample(std::string("name: x\nmode: ") + off).mode, Mode::kOff) << off;
  }
}

TEST(Fields, AMapWithoutContentHasItsDefaults) { EXPECT_EQ(sample("name: x\ninner:\n").inner.level, -1); }

TEST(Fields, AnUnknownKeyIsAnErrorWithTheNearestName) {
  EXPECT_EQ(errors("name: x\ninner: {levl: 3}\n"),
            "2:9: unknown key 'levl' in inner; did you mean 'level'? known: level, enabled\n");
}

TEST(Fields, AMissingKeyIsAnErrorAtItsMap) {
  EXPECT_EQ(errors("flag: true"), "1:1: key 'name' is missing; add it: name, a name of a-z\n");
}

TEST(Fields, AWrongTypeSaysWhatWasExpectedAndFound) {
  EXPECT_EQ(errors("name: x\nflag: maybe"), "2:7: flag: expected true or false, got 'maybe'\n");
  EXPECT_EQ(errors("name: x\nsmall: 256"), "2:8: small: expected a whole number from 0 to 255, got '256'\n");
  EXPECT_EQ(errors("name: x\nsmall: '5'"),
            "2:8: small: expected a whole number from 0 to 255, got '5'; quotes make it a text: leave them out\n");
  EXPECT_EQ(errors("name: x\nsmall: -1"), "2:8: small: expected a whole number from 0 to 255, got '-1'\n");
  EXPECT_EQ(errors("name: x\nwide: 1.5"), "2:7: wide: expected a whole number, got '1.5'\n");
  EXPECT_EQ(errors("name: x\nwide: 9223372036854775808"),
            "2:7: wide: expected a whole number, got '9223372036854775808'\n");
  EXPECT_EQ(errors("name: x\nratio: 2"), "2:8: ratio: expected a number from 0.0 to 1.0, got '2'\n");
  EXPECT_EQ(errors("name: x\nwords: a"), "2:8: words: expected a list, got 'a'\n");
  EXPECT_EQ(errors("name: x\nwords: [[b]]"), "2:9: words.0: expected text, got a list\n");
  EXPECT_EQ(errors("name: x\nwords: [~]"), "2:9: words.0: expected text, got nothing\n");
  EXPECT_EQ(errors("name: x\ninner: [1]"), "2:8: inner: expected a map (level, enabled), got a list\n");
  EXPECT_EQ(errors("name: [x]"), "1:7: name: expected text, got a list\n");
}

TEST(Fields, SizesAndDurationsNeedTheirUnit) {
  EXPECT_EQ(errors("name: x\nmemory: 256"),
            "2:9: memory: '256' is not a size: no unit; write a whole number and B, KiB, "
            "MiB, GiB or TiB, for example 256MiB\n");
  EXPECT_EQ(errors("name: x\ngrace: 5"),
            "2:8: grace: '5' is not a duration: no unit; write a number and ns, us, ms, s, m "
            "or h, for example 250ms\n");
}

TEST(Fields, RangesAreChecked) {
  EXPECT_EQ(errors("name: x\nmemory: 1KiB"),
            "2:9: memory: expected a size such as 256MiB from 4KiB to 1GiB, got '1KiB'\n");
  EXPECT_EQ(errors("name: x\ngrace: 2m"), "2:8: grace: expected a duration such as 250ms from 0ns to 1m, got '2m'\n");
  EXPECT_EQ(errors("name: x\ninner: {level: 6}"), "2:16: inner.level: expected a whole number from -5 to 5, got '6'\n");
  EXPECT_EQ(errors("name: x\nmaybe: 0"), "2:8: maybe: expected a whole number from 1 to 9, got '0'\n");
}

TEST(Fields, AWordThatIsNoneSuggestsTheNearest) {
  EXPECT_EQ(errors("name: x\nmode: fats"),
            "2:7: mode: expected one of off, fast, slow, got 'fats'; did you mean 'fast'?\n");
  EXPECT_EQ(errors("name: x\nmode: [fast]"), "2:7: mode: expected one of off, fast, slow, got a list\n");
}

TEST(Fields, APatternMustMatchWhole) { EXPECT_EQ(errors("name: x1"), "1:7: name: expected a name of a-z, got 'x1'\n"); }

TEST(Fields, AllErrorsAreReported) {
  EXPECT_EQ(
      errors("name: X\nflag: 3\nunknown: 1\ninner: {level: 9, enabled: []}\n"),
      "3:1: unknown key 'unknown'; known: name, flag, small, wide, ratio, memory, grace, mode, words, maybe, inner, "
      "shape, free\n"
      "1:7: name: expected a name of a-z, got 'X'\n"
      "2:7: flag: expected true or false, got '3'\n"
      "4:16: inner.level: expected a whole number from -5 to 5, got '9'\n"
      "4:28: inner.enabled: expected true or false, got an empty list\n");
}

TEST(Union, EachShapeIsRead) {
  EXPECT_TRUE(std::holds_alternative<Nothing>(sample("name: x").shape));
  EXPECT_TRUE(std::holds_alternative<Nothing>(sample("name: x\nshape: none").shape));
  EXPECT_EQ(std::get<ByKey>(sample("name: x\nshape: {path: /a}").shape).path, "/a");
  EXPECT_EQ(std::get<ByteCount>(sample("name: x\nshape: 4KiB").shape), 4_KiB);
}

TEST(Union, WhatHasNoShapeSaysWhichThereAre) {
  EXPECT_EQ(errors("name: x\nshape: {paht: /a}"),
            "2:8: shape: expected one of none, {path: ...}, a size such as 256MiB, got a map; did you mean 'path'?\n");
  EXPECT_EQ(
      errors("name: x\nshape: nonne"),
      "2:8: shape: expected one of none, {path: ...}, a size such as 256MiB, got 'nonne'; did you mean 'none'?\n");
  EXPECT_THAT(errors("name: x\nshape: plenty"), HasSubstr("2:8: shape: 'plenty' is not a size"));
  EXPECT_EQ(errors("name: x\nshape: {path: /a, other: 1}"), "2:19: unknown key 'other' in shape; known: path\n");
}

TEST(Fields, WritingIsTheInverseOfReading) {
  for (const char* text : {"name: x",
                           "name: x\nflag: on\nsmall: 1\nwide: -5\nratio: 1\nmemory: 4KiB\ngrace: 10ms\nmode: off\n"
                           "words: [a]\nmaybe: 2\ninner: {level: 0}\nshape: 8KiB\nfree: [1]",
                           "name: x\nshape: {path: /a}"}) {
    const json written = Codec<Sample>::write(sample(text));
    Sample again;
    Reader reader("", "", {});
    ASSERT_TRUE(Codec<Sample>::read(reader, node_from_json(written), again)) << format(reader.diagnostics());
    EXPECT_EQ(Codec<Sample>::write(again), written);
  }
}

TEST(Fields, TheCanonicalFormHasDefaultsAndNoAbsentOptionals) {
  const json written = Codec<Sample>::write(sample("name: x\nflag: yes\nmemory: 1024KiB"));
  EXPECT_EQ(written["flag"], true);
  EXPECT_EQ(written["memory"], "1MiB");
  EXPECT_EQ(written["inner"], json::parse(R"({"level": -1, "enabled": true})"));
  EXPECT_FALSE(written.contains("maybe"));
}

TEST(Fields, HelpNamesTypesDefaultsWordsAndWhereDefectsWereSeen) {
  const std::string help = help_for(Fields<Sample>::of().infos());
  EXPECT_THAT(help, HasSubstr("name    What it is called. (required)\n"));
  EXPECT_THAT(help,
              HasSubstr("memory  A size. (default: 256MiB)\n            a size such as 256MiB from 4KiB to 1GiB\n"));
  EXPECT_THAT(help, HasSubstr("slow: with delay [an old release]\n"));
  EXPECT_THAT(help, HasSubstr("level    How much. (default: -1)\n"));
}

TEST(Fields, PathsLeadToNestedKeys) {
  const std::vector<FieldInfo> fields = Fields<Sample>::of().infos();
  EXPECT_EQ(find_field(fields, "inner.level")->doc, "How much.");
  EXPECT_EQ(find_field(fields, "inner.nothing"), nullptr);
  EXPECT_EQ(find_field(fields, "name.more"), nullptr);
}

TEST(Fields, TheSchemaSaysTypesRangesAndRequiredKeys) {
  const json schema = Codec<Sample>::info().schema;
  EXPECT_EQ(schema["required"], json::array({"name"}));
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["properties"]["small"]["maximum"], 255);
  EXPECT_EQ(schema["properties"]["inner"]["properties"]["level"]["minimum"], -5);
  // YAML 1.1 turns an unquoted `off` into false.
  EXPECT_EQ(schema["properties"]["mode"]["enum"], json::parse(R"(["off", "fast", "slow", false])"));
}

}  // namespace
}  // namespace snaphammer::scenario
