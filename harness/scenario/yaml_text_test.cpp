#include "harness/scenario/yaml_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace snaphammer::scenario {
namespace {

std::string written(const std::string& text) {
  const Document document = parse_document("a.yaml", text);
  EXPECT_TRUE(document.diagnostics.empty()) << format(document.diagnostics);
  return to_yaml(document.root);
}

TEST(YamlText, IsWrittenAsPeopleWriteIt) {
  const std::string text =
      "version: 1\nname: a\nvm: {memory: 256MiB, kernel_args: [init_on_free=1]}\nsteps:\n  - boot: {}\n"
      "  - await_healthy\n  - restore: {from: s1, prefetch: \"off\"}\n";
  EXPECT_EQ(written(text), "version: 1\nname: a\nvm: {memory: 256MiB, kernel_args: [\"init_on_free=1\"]}\n" +
                               text.substr(text.find("steps:")));
}

TEST(YamlText, ALongStepTakesLinesAndKeepsItsMeaning) {
  const std::string words(60, 'w');
  const std::string text = "steps:\n  - loop:\n      times: 20\n      steps:\n        - exec: {command: [" + words +
                           "]}\n" + "        - exec: {command: [" + words + "]}\n";
  EXPECT_EQ(written(text), text);
}

TEST(YamlText, MeansTheSameWhateverIsInAText) {
  for (const char* const text :
       {"a: \"true\"", "a: 'it''s: #1, [x] {y}'", "a: |\n  two\n  lines\n", "a: \"\\t\\u0001\"", "a: null", "a: []",
        "a: {}", "a: [[1, 2], [3]]", "a: -1", "a: 0..5", "\"a b: c\": \"\"", "a: \"*x\"", "a: ü"}) {
    const Document first = parse_document("a.yaml", text);
    ASSERT_TRUE(first.diagnostics.empty()) << text;
    const Document again = parse_document("a.yaml", to_yaml(first.root));
    ASSERT_TRUE(again.diagnostics.empty()) << text << "\n" << to_yaml(first.root);
    EXPECT_EQ(free_json(again.root), free_json(first.root)) << text;
  }
}

}  // namespace
}  // namespace snaphammer::scenario
