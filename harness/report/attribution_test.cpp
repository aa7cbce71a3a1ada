#include "harness/report/attribution.h"

#include <gmock/gmock.h>

#include "harness/report/reporter.h"
#include "harness/report/testing/golden.h"

namespace snaphammer::report {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

RunResult run_at(const std::string& on_remove, const std::string& gc, bool single_thread, bool finds) {
  RunResult run;
  run.scenario = "order-of-quiescing";
  run.point = {{"runtime.uffd.on_remove", on_remove},
               {"runtime.quiesce.gc", gc},
               {"runtime.quiesce.single_thread", single_thread}};
  run.verdict = finds ? Verdict::kFail : Verdict::kPass;
  if (finds) {
    run.findings.resize(1);
    run.findings[0].id = "heap-corruption";
  }
  return run;
}

/// Every point `times` times; `finds` says which have the finding.
template <class Finds>
std::vector<RunResult> matrix(int times, Finds finds) {
  std::vector<RunResult> runs;
  for (int i = 0; i < times; ++i) {
    for (const char* on_remove : {"zero", "ignore"}) {
      for (const char* gc : {"last", "first", "off"}) {
        for (const bool single : {true, false}) {
          runs.push_back(run_at(on_remove, gc, single, finds(std::string(on_remove), std::string(gc), single)));
        }
      }
    }
  }
  return runs;
}

bool where_remove_is_ignored(const std::string& on_remove, const std::string&, bool) { return on_remove == "ignore"; }

const Factor& factor(const Attribution& attribution, const std::string& name) {
  for (const Factor& one : attribution.factors) {
    if (one.name == name) return one;
  }
  throw std::out_of_range(name);
}

TEST(Attribution, AFactorThatAloneTellsTheRunsApartDecides) {
  const auto all = attribute(matrix(2, where_remove_is_ignored));
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].finding, "heap-corruption");
  EXPECT_EQ(all[0].factors[0].name, "on_remove");
  EXPECT_EQ(all[0].factors[0].effect, Effect::kDecides);
  const Comparison& everywhere = all[0].factors[0].comparisons.at(0);
  EXPECT_EQ(everywhere.levels.at(1).value, "ignore");
  EXPECT_EQ(everywhere.levels.at(1).share.found, 12u);
  EXPECT_EQ(everywhere.levels.at(0).share.found, 0u);
}

TEST(Attribution, OtherFactorsAreComparedWhereThatOneIsTheSame) {
  const auto all = attribute(matrix(2, where_remove_is_ignored));
  const Factor& gc = factor(all.at(0), "gc");
  EXPECT_EQ(gc.effect, Effect::kNoneSeen);
  ASSERT_THAT(gc.comparisons, SizeIs(2));
  EXPECT_EQ(gc.comparisons[1].where, "on_remove=ignore");
  EXPECT_EQ(gc.comparisons[1].levels.at(2).share.found, 4u);
}

TEST(Attribution, AFactorThatMattersOnlyTogetherWithAnotherIsFound) {
  const auto all = attribute(matrix(4, [](const std::string& on_remove, const std::string&, bool single) {
    return on_remove == "ignore" && !single;
  }));
  EXPECT_EQ(factor(all.at(0), "on_remove").effect, Effect::kMatters);
  EXPECT_EQ(factor(all.at(0), "single_thread").effect, Effect::kMatters);
  EXPECT_EQ(factor(all.at(0), "gc").effect, Effect::kNoneSeen);
}

TEST(Attribution, OneRunWithEachValueProvesNothing) {
  const auto all = attribute({run_at("zero", "last", true, false), run_at("ignore", "last", true, true),
                              run_at("zero", "off", true, false), run_at("ignore", "off", true, true)});
  EXPECT_EQ(factor(all.at(0), "on_remove").effect, Effect::kTooFewRuns);
}

TEST(Attribution, FactorsThatOnlyChangeTogetherAreNotToldApart) {
  std::vector<RunResult> runs;
  for (int i = 0; i < 8; ++i) {
    runs.push_back(run_at("zero", "last", true, false));
    runs.push_back(run_at("ignore", "off", true, true));
  }
  const auto all = attribute(runs);
  EXPECT_EQ(factor(all.at(0), "on_remove").effect, Effect::kDecides);
  EXPECT_EQ(factor(all.at(0), "gc").effect, Effect::kNotToldApart);
}

TEST(Attribution, RunsWithoutAVerdictCountForNothing) {
  auto runs = matrix(2, where_remove_is_ignored);
  runs.push_back(run_at("zero", "last", true, true));
  runs.back().verdict = Verdict::kInconclusive;
  const auto all = attribute(runs);
  EXPECT_EQ(all.at(0).not_judged, 1u);
  EXPECT_EQ(all.at(0).factors[0].effect, Effect::kDecides);
}

TEST(Attribution, OneFactorIsNoQuestionAndNeitherIsACampaignWithoutFindings) {
  std::vector<RunResult> runs;
  for (const char* gc : {"last", "first", "off"}) runs.push_back(run_at("ignore", gc, true, true));
  EXPECT_THAT(attribute(runs), IsEmpty());
  EXPECT_THAT(attribute(matrix(2, [](const auto&, const auto&, bool) { return false; })), IsEmpty());
  EXPECT_EQ(attribution_table(runs) + attribution_markdown(runs), "");
}

TEST(Attribution, ManyValuesWithoutEffectAreToldTogether) {
  std::vector<RunResult> runs;
  for (int i = 0; i < 40; ++i) {
    runs.push_back(run_at(i % 2 == 0 ? "zero" : "ignore", std::to_string(i / 2), true, i % 2 == 1));
  }
  EXPECT_THAT(attribution_table(runs), HasSubstr("20 values"));
}

std::vector<RunResult> reported() {
  auto runs = matrix(2, where_remove_is_ignored);
  runs.push_back(run_at("zero", "last", true, false));
  runs.back().verdict = Verdict::kError;
  return runs;
}

TEST(Golden, AttributionOnATerminal) { expect_golden("attribution.txt", attribution_table(reported())); }
TEST(Golden, AttributionInMarkdown) { expect_golden("attribution.md", attribution_markdown(reported())); }

}  // namespace
}  // namespace snaphammer::report
