// The search, on scenarios whose runs are judged by looking at their steps.

#include "harness/scenario/shrink.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace snaphammer::scenario {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string listed(const StepList& steps) { return Codec<StepList>::write(steps).dump(); }

class ShrinkTest : public testing::Test {
 protected:
  using Fails = std::function<bool(const Scenario&)>;

  static RunPlan run_of(const std::string& rest, std::size_t number = 0) {
    const Loaded loaded = load_text("a.yaml", "version: 1\nname: a\nseed: 7\n" + rest);
    if (!loaded.scenario) throw std::runtime_error(format(loaded.diagnostics));
    return plan(*loaded.scenario, {}).runs.at(number);
  }
  Shrunk shrink_while(const RunPlan& run, const Fails& fails) {
    const TryCandidate attempt = [&](const RunPlan& candidate, const std::string& what) -> Result<Trial> {
      tried.push_back(what);
      texts.push_back(candidate.source->text);
      if (tried.size() > most) return Trial::kNoMore;
      return fails(*candidate.scenario) ? Trial::kCameBack : Trial::kGone;
    };
    return shrink(run, attempt).value();
  }
  static Fails with(std::vector<std::string> parts) {
    return [parts](const Scenario& scenario) {
      const std::string steps = listed(scenario.steps);
      return std::ranges::all_of(parts, [&](const std::string& part) { return steps.find(part) != std::string::npos; });
    };
  }

  std::vector<std::string> tried, texts;
  std::size_t most = 1000;
};

TEST_F(ShrinkTest, DropsEveryStepThatIsNotNeeded) {
  const RunPlan run = run_of("steps: [wait: 1s, wait: 2s, wait: 3s, wait: 4s, wait: 5s, wait: 6s, wait: 7s]\n");
  const Shrunk shrunk = shrink_while(run, with({"3s", "6s"}));
  EXPECT_EQ(listed(shrunk.plan.scenario->steps), R"([{"wait":"3s"},{"wait":"6s"}])");
  EXPECT_TRUE(shrunk.came_back);
  EXPECT_TRUE(shrunk.complete);
}

TEST_F(ShrinkTest, DropsWhatAStepMadeTogetherWithThoseWhoNameIt) {
  const RunPlan run =
      run_of("steps: [make: {id: x}, wait: 1s, use: x, wait: 2s, group: {steps: [use: x, wait: 3s]}, drop: x]\n");
  const Shrunk shrunk = shrink_while(run, with({"3s"}));
  EXPECT_EQ(listed(shrunk.plan.scenario->steps), R"([{"group":[{"wait":"3s"}]}])");
}

TEST_F(ShrinkTest, NeverTriesWhatIsNotValidAndNothingTwice) {
  const RunPlan run = run_of("steps: [make: {id: x}, use: x, use: all]\n");
  shrink_while(run, with({"use"}));
  for (const std::string& text : texts) EXPECT_TRUE(load_text("a.yaml", text).scenario) << text;
  std::ranges::sort(texts);
  EXPECT_EQ(std::ranges::adjacent_find(texts), texts.end());
}

TEST_F(ShrinkTest, DropsStepsInsideOfSteps) {
  const RunPlan run =
      run_of("steps: [wait: 1s, group: {steps: [wait: 2s, wait: 3s, group: {steps: [wait: 4s, wait: 5s]}]}]\n");
  const Shrunk shrunk = shrink_while(run, with({"5s"}));
  EXPECT_EQ(listed(shrunk.plan.scenario->steps), R"([{"group":[{"group":[{"wait":"5s"}]}]}])");
}

TEST_F(ShrinkTest, DropsValuesOfTheMatrixThatDoNotMatter) {
  const RunPlan run =
      run_of("matrix: {vm.memory: [256MiB, 1GiB], runtime.uffd.on_remove: [zero, ignore]}\nsteps: [wait: 1s]\n", 3);
  const Shrunk shrunk = shrink_while(run, [](const Scenario& scenario) {
    return Codec<RuntimeKnobs>::write(scenario.runtime)["uffd"]["on_remove"] == "ignore";
  });
  const std::string& text = shrunk.plan.source->text;
  EXPECT_THAT(text, AllOf(HasSubstr("runtime: {uffd: {on_remove: ignore}}"), Not(HasSubstr("memory")),
                          Not(HasSubstr("matrix"))));
  EXPECT_THAT(tried, Contains("without the matrix's vm.memory"));
}

TEST_F(ShrinkTest, DropsSettingsThatDoNotMatter) {
  const RunPlan run = run_of(
      "vm: {memory: 1GiB}\nruntime: {uffd: {on_remove: ignore}}\nlimits: {restore_to_healthy: {max: 3s, p50: 1s}}\n"
      "steps: [wait: 1s]\nexpect: [{verdict: inconclusive}]\n");  // Nothing is restored.
  const Shrunk shrunk = shrink_while(run, [](const Scenario& scenario) {
    const auto limit = scenario.limits.by_measure.find("restore_to_healthy");
    return scenario.vm.memory == 1_GiB && limit != scenario.limits.by_measure.end() && limit->second.max;
  });
  EXPECT_THAT(shrunk.plan.source->text,
              AllOf(HasSubstr("vm: {memory: 1GiB}\n"), HasSubstr("limits: {restore_to_healthy: {max: 3s}}\n"),
                    Not(HasSubstr("runtime"))));
}

TEST_F(ShrinkTest, TheResultIsAScenarioOfOneRunThatExpectsTheSame) {
  const RunPlan run = run_of(
      "matrix: {vm.memory: [256MiB, 1GiB]}\nrepeat: 3\nsteps: [wait: 1s]\n"
      "expect:\n  - {when: {vm.memory: 1GiB}, verdict: fail, findings: [hang]}\n",
      4);
  const Shrunk shrunk = shrink_while(run, [](const Scenario& scenario) { return scenario.vm.memory == 1_GiB; });
  EXPECT_EQ(shrunk.plan.scenario->name, "a-shrunk");
  EXPECT_EQ(shrunk.plan.seed, run.seed);
  EXPECT_EQ(shrunk.plan.expectation.verdict, Verdict::kFail);
  EXPECT_THAT(*shrunk.plan.expectation.findings, ElementsAre("hang"));
}

TEST_F(ShrinkTest, WhatDoesNotComeBackIsNotSearched) {
  const Shrunk shrunk = shrink_while(run_of("steps: [wait: 1s, wait: 2s]\n"), [](const Scenario&) { return false; });
  EXPECT_FALSE(shrunk.came_back);
  EXPECT_THAT(tried, ElementsAre("all of it"));
}

TEST_F(ShrinkTest, EndsWithWhatItHasWhenNothingMoreCanBeTried) {
  most = 2;
  const Shrunk shrunk = shrink_while(run_of("steps: [wait: 1s, wait: 2s, wait: 3s, wait: 4s]\n"), with({"1s"}));
  EXPECT_TRUE(shrunk.came_back);
  EXPECT_FALSE(shrunk.complete);
  EXPECT_EQ(listed(shrunk.plan.scenario->steps), R"([{"wait":"1s"},{"wait":"2s"}])");
}

}  // namespace
}  // namespace snaphammer::scenario
