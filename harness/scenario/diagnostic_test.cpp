#include "harness/scenario/diagnostic.h"

#include <gtest/gtest.h>

namespace snaphammer::scenario {
namespace {

TEST(Diagnostic, ShowsPlaceMessageAdviceLineAndCaret) {
  const Diagnostic diagnostic{
      "a.yaml", {9, 10}, "unknown key 'on_remov'", "did you mean 'on_remove'?", "  uffd: {on_remov: zero}"};
  EXPECT_EQ(format(diagnostic),
            "a.yaml:9:10: unknown key 'on_remov'; did you mean 'on_remove'?\n"
            "    9 |   uffd: {on_remov: zero}\n"
            "      |          ^\n");
}

TEST(Diagnostic, WithoutAPlaceShowsTheFileOnly) {
  EXPECT_EQ(format(Diagnostic{"dir", {}, "no scenario", {}, {}}), "dir: no scenario\n");
}

TEST(Diagnostic, TheCaretStandsUnderTheCharacterAfterTabsAndWideLetters) {
  EXPECT_EQ(format(Diagnostic{"a", {1, 4}, "m", {}, "\täöü"}),
            "a:1:4: m\n"
            "    1 | \täöü\n"
            "      | \t  ^\n");
}

TEST(Diagnostic, ACaretMayStandBehindTheLine) {
  EXPECT_EQ(format(Diagnostic{"a", {1, 9}, "m", {}, "ab"}), "a:1:9: m\n    1 | ab\n      |   ^\n");
}

TEST(Diagnostic, AVeryLongLineIsNotShown) {
  EXPECT_EQ(format(Diagnostic{"a", {1, 1}, "m", {}, std::string(300, 'x')}), "a:1:1: m\n");
}

TEST(NearestName, FindsTypingErrors) {
  const std::vector<std::string> known{"on_remove", "on_eagain", "prefetch", "workers"};
  EXPECT_EQ(nearest_name("on_remov", known), "on_remove");
  EXPECT_EQ(nearest_name("on-remove", known), "on_remove");
  EXPECT_EQ(nearest_name("ON_REMOVE", known), "on_remove");
  EXPECT_EQ(nearest_name("prefecth", known), "prefetch");
  EXPECT_EQ(nearest_name("worker", known), "workers");
}

TEST(NearestName, FindsNamesOfWhichAPartWasGiven) {
  const std::vector<std::string> known{"agent.half_open_clients", "stale-page", "uffd.on_remove", "vsock.half_open"};
  EXPECT_EQ(nearest_name("on_remove", known), "uffd.on_remove");
  EXPECT_EQ(nearest_name("stale", known), "stale-page");
  EXPECT_EQ(nearest_name("half-open", known), "vsock.half_open");
  EXPECT_EQ(nearest_name("on", known), "") << "two letters say nothing";
  EXPECT_EQ(nearest_name("move", known), "") << "no word of its own";
}

TEST(NearestName, SuggestsNothingThatIsFarAway) {
  const std::vector<std::string> known{"on_remove", "prefetch"};
  EXPECT_EQ(nearest_name("balloon", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'p'), known), "");
}

TEST(NearestName, TheAdviceListsAllNames) {
  EXPECT_EQ(advise_names("b", std::vector<std::string>{"boot", "bo"}), "did you mean 'bo'? known: boot, bo");
  EXPECT_EQ(advise_names("zzzz", std::vector<std::string>{"boot"}), "known: boot");
  EXPECT_EQ(advise_names("x", {}), "there are none");
}

}  // namespace
}  // namespace snaphammer::scenario
