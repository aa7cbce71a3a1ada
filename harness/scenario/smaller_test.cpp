// The cuts that are made of loops and branches.

#include "harness/scenario/smaller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/scenario/yaml_text.h"

namespace snaphammer::scenario {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The lines of steps in the variant that is called `what`; empty when there is none.
std::string variant(const std::string& text, const std::string& what) {
  for (const Variant& one : smaller_variants(parse_document("a.yaml", text).root)) {
    if (one.what == what) return to_yaml(one.root);
  }
  return "";
}

TEST(Smaller, ALoopHasFewerRounds) {
  const std::string loop = "steps:\n  - loop: {times: 20, steps: [quiesce, pause]}\n";
  EXPECT_THAT(variant(loop, "steps.0.loop: 1 round instead of 20"), HasSubstr("times: 1,"));
  EXPECT_THAT(variant(loop, "steps.0.loop: 10 rounds instead of 20"), HasSubstr("times: 10,"));
  EXPECT_THAT(variant(loop, "steps.0.loop: 15 rounds instead of 20"), HasSubstr("times: 15,"));
  EXPECT_THAT(variant(loop, "steps.0.loop: 19 rounds instead of 20"), HasSubstr("times: 19,"));
}

TEST(Smaller, ALoopOfOneRoundIsItsSteps) {
  EXPECT_EQ(
      variant("steps:\n  - loop: {times: 1, steps: [quiesce, pause]}\n  - resume\n", "steps.0.loop: its steps, once"),
      "steps: [quiesce, pause, resume]\n");
}

TEST(Smaller, ALoopForATimeIsShorterOrOneRound) {
  const std::string loop = "steps:\n  - loop: {for: 10s, steps: [quiesce]}\n";
  EXPECT_THAT(variant(loop, "steps.0.loop: half as long"), HasSubstr("for: 5s"));
  EXPECT_EQ(variant(loop, "steps.0.loop: 1 round instead of 10s"), "steps:\n  - loop: {steps: [quiesce], times: 1}\n");
}

TEST(Smaller, BranchesBecomeOneOfThem) {
  const std::string branches = "steps:\n  - parallel: [[quiesce, pause], [resume]]\n";
  EXPECT_EQ(variant(branches, "steps.0.parallel: only branch 0"), "steps: [quiesce, pause]\n");
  EXPECT_EQ(variant(branches, "without steps.0.parallel.0.1 (pause)"), "steps:\n  - parallel: [[quiesce], [resume]]\n");
}

TEST(Smaller, AFaultGoesWithWhatHealsIt) {
  EXPECT_EQ(
      variant(
          "steps:\n  - boot\n  - inject: {fault: vmm.stop, as: s}\n  - loop: {times: 2, steps: [{heal: s}, quiesce]}\n",
          "without steps.1 (inject)"),
      "steps:\n  - boot\n  - loop: {times: 2, steps: [quiesce]}\n");
}

TEST(Smaller, AStepGoesWithAllThatNameWhatItMade) {
  const std::string text =
      "steps:\n  - start: {workload: ticker, as: t}\n  - snapshot: {id: s1}\n  - loop: {times: 2, steps: [{restore: "
      "{from: s1}}, {check: t}]}\n"
      "  - clone: {from: s1, count: 2}\n  - stop: t\n  - check: all\n";
  EXPECT_EQ(variant(text, "without steps.1 (snapshot)"),
            "steps:\n  - start: {workload: ticker, as: t}\n  - loop: {times: 2, steps: [{check: t}]}\n  - stop: t\n  - "
            "check: all\n");
  EXPECT_EQ(variant(text, "without steps.0 (start)"),
            "steps:\n  - snapshot: {id: s1}\n  - loop: {times: 2, steps: [{restore: {from: s1}}]}\n"
            "  - clone: {from: s1, count: 2}\n  - check: all\n");
}

TEST(Smaller, AStepThatMakesWhatAnotherIsCalledStays) {
  EXPECT_EQ(variant("steps:\n  - snapshot: {id: a}\n  - start: {workload: ticker, as: a}\n  - restore: {from: a}\n",
                    "without steps.0 (snapshot)"),
            "steps:\n  - start: {workload: ticker, as: a}\n");
}

TEST(Smaller, WhatAStepInsideOfOneMadeIsMissedOutside) {
  EXPECT_EQ(
      variant(
          "steps:\n  - loop: {times: 2, steps: [{snapshot: {id: s1}}, quiesce]}\n  - restore: {from: s1}\n  - boot\n",
          "without steps.0 (loop)"),
      "steps: [boot]\n");
  EXPECT_EQ(
      variant(
          "steps:\n  - loop: {times: 2, steps: [{snapshot: {id: s1}}, quiesce]}\n  - restore: {from: s1}\n  - boot\n",
          "without steps.0.loop.steps.0 (snapshot)"),
      "steps:\n  - loop: {times: 2, steps: [quiesce]}\n  - boot\n");
}

TEST(Smaller, LargeCutsComeFirst) {
  std::vector<std::string> names;
  for (const Variant& one :
       smaller_variants(parse_document("a.yaml", "steps: [boot, quiesce, pause, resume]\n").root)) {
    names.push_back(one.what);
  }
  EXPECT_THAT(names, ElementsAre("without steps.2 to steps.3", "without steps.0 to steps.1", "without steps.3 (resume)",
                                 "without steps.2 (pause)", "without steps.1 (quiesce)", "without steps.0 (boot)"));
}

TEST(Smaller, SettingsGoTogetherOrOneByOne) {
  const std::string text = "vm: {memory: 1GiB, balloon: {deflate_on_oom: true}}\nsteps: [boot]\n";
  EXPECT_EQ(variant(text, "without vm"), "steps: [boot]\n");
  EXPECT_EQ(variant(text, "without vm.balloon"), "vm: {memory: 1GiB}\nsteps: [boot]\n");
  EXPECT_EQ(variant(text, "without vm.balloon.deflate_on_oom"), "vm: {memory: 1GiB}\nsteps: [boot]\n");
}

}  // namespace
}  // namespace snaphammer::scenario
