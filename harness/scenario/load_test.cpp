#include "harness/scenario/load.h"

#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "harness/scenario/kinds.h"
#include "harness/scenario/settings_support.h"
#include "harness/scenario/testing/errors_of.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::scenario {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

const Registration<SettingSupport> kSupported[] = {
    Registration<SettingSupport>{{"vm.memory", "", {}}},
    Registration<SettingSupport>{{"runtime.uffd.on_remove", "", {"ignore"}}},
};

const std::string kHead = "version: 1\nname: sample\n";
const std::string kSteps = "steps:\n  - wait: 1s\n";

/// Errors of a scenario whose first two lines are right.
std::string errors_after_head(const std::string& rest) { return errors_of(kHead + rest); }

Scenario scenario(const std::string& rest) {
  Loaded loaded = load_text("test.yaml", kHead + rest);
  EXPECT_EQ(errors_of(loaded.diagnostics), "");
  return loaded.scenario.value().first_point;
}

TEST(Load, TheSmallestScenarioHasDefaultsForTheRest) {
  const Scenario smallest = scenario(kSteps);
  EXPECT_EQ(smallest.name, "sample");
  EXPECT_EQ(smallest.vm.memory, 256_MiB);
  EXPECT_EQ(smallest.runtime.uffd.on_remove, OnRemove::kZero);
  EXPECT_EQ(smallest.repeat, 1u);
  EXPECT_FALSE(smallest.seed.has_value());
  ASSERT_EQ(smallest.steps.size(), 1u);
  EXPECT_EQ(smallest.steps[0]->name(), "wait");
  EXPECT_EQ(smallest.steps[0]->where, (Position{4, 5}));
}

TEST(Load, WhatIsNoMapIsNoScenario) {
  EXPECT_EQ(errors_of(""), "0:0: expected a scenario, got nothing; begin with `version: 1`\n");
  EXPECT_EQ(errors_of("just text"), "1:1: expected a scenario, got 'just text'; begin with `version: 1`\n");
  EXPECT_EQ(errors_of("[a]"), "1:1: expected a scenario, got a list; begin with `version: 1`\n");
}

TEST(Load, AnErrorYieldsNoScenario) {
  const Loaded loaded = load_text("test.yaml", kHead + kSteps + "sumary: x\n");
  EXPECT_FALSE(loaded.scenario.has_value());
  EXPECT_EQ(loaded.diagnostics.size(), 1u);
  EXPECT_EQ(loaded.diagnostics[0].source_line, "sumary: x");
}

TEST(Load, AllErrorsOfAFileComeAtOnceInTheFilesOrder) {
  EXPECT_EQ(errors_of("version: 2\nname: Bad Name\nrepeat: 0\nrepeat: 1\nsteps: [{wait: 1}, {flup: 2s}]\n"),
            "1:10: version: expected a whole number from 1 to 1, got '2'\n"
            "2:7: name: expected a name of a-z, 0-9 and dashes, at most 80, got 'Bad Name'\n"
            "3:9: repeat: expected a whole number from 1 to 10000, got '0'\n"
            "4:1: key 'repeat' is there twice; first in line 3\n"
            "5:16: steps.0.wait: '1' is not a duration: no unit; write a number and ns, us, "
            "ms, s, m or h, for example 250ms\n"
            "5:21: unknown step 'flup'; known: drop, group, make, unbuilt, use, wait\n");
}

TEST(Load, ErrorsAreCountedUpToABound) {
  std::string text = kHead + kSteps;
  for (int i = 0; i < 40'000; ++i) text += fmt::format("key{}: 1\n", i);
  const Loaded loaded = load_text("test.yaml", text);
  EXPECT_EQ(loaded.diagnostics.size(), kMaxErrors + 1);
  EXPECT_EQ(loaded.diagnostics.back().message, "more than 200 errors; the rest is not shown");
}

// ---- steps

TEST(Steps, AStepIsANameWithOptionsOrABareName) {
  EXPECT_EQ(scenario("steps: [{make: {id: a}}, {use: a}, {wait: {duration: 2s}}]").steps.size(), 3u);
  EXPECT_EQ(errors_after_head("steps: [unbuilt]"), "3:9: step 'unbuilt' is not available in this build\n");
  EXPECT_THAT(errors_after_head("steps: [make]"), HasSubstr("3:9: key 'id' is missing in steps.0.make"));
  EXPECT_EQ(errors_after_head("steps: [[wait]]"), "3:9: steps.0: expected a step such as `run_for: 2s`, got a list\n");
  EXPECT_EQ(errors_after_head("steps: [{}]"),
            "3:9: steps.0: expected a step such as `run_for: 2s`, got an empty map\n");
}

TEST(Steps, WhatThisBuildLacksIsAllowedWhenOnlyTheFormatIsChecked) {
  EXPECT_EQ(errors_of(kHead + "steps: [unbuilt]", {.require_available = false}), "");
}

TEST(Steps, ControlMayStandInsideOrBeside) {
  const Scenario read = scenario(
      "steps:\n"
      "  - make: {id: a, timeout: 5s, on_error: continue}\n"
      "  - use: a\n    timeout: 10s\n"
      "  - use: a\n");
  EXPECT_EQ(read.steps[0]->control.timeout, std::chrono::seconds(5));
  EXPECT_EQ(read.steps[0]->control.on_error, OnError::kContinue);
  EXPECT_EQ(read.steps[1]->control.timeout, std::chrono::seconds(10));
  EXPECT_EQ(read.steps[1]->control.on_error, OnError::kFail);
  EXPECT_FALSE(read.steps[2]->control.timeout.has_value());
}

TEST(Steps, ControlBesideIsCheckedAndNotGivenTwice) {
  EXPECT_EQ(errors_after_head("steps:\n  - use: all\n    on_error: ignore\n"),
            "5:15: steps.0.use.on_error: expected one of fail, continue, got 'ignore'\n");
  EXPECT_EQ(errors_after_head("steps:\n  - make: {id: a, timeout: 1s}\n    timeout: 2s\n"),
            "5:5: 'timeout' is given both beside the step and among its options\n");
  EXPECT_EQ(errors_after_head("steps:\n  - timeout: 2s\n"),
            "4:5: no step beside its options; write its name first: `check: all`\n");
}

TEST(Steps, TwoStepsInOneEntryAreAnError) {
  EXPECT_EQ(errors_after_head("steps:\n  - wait: 1s\n    use: all\n"),
            "5:5: a second step 'use' in one list entry; begin it with its own dash, or indent it if it belongs to "
            "'wait'\n");
}

TEST(Steps, AReferenceNeedsAnEarlierDeclaration) {
  EXPECT_EQ(errors_after_head("steps: [{make: {id: thing1}}, {use: thng1}]"),
            "3:37: no earlier step makes thing 'thng1'; did you mean 'thing1'? known: thing1\n");
  EXPECT_EQ(errors_after_head("steps: [{use: a}, {make: {id: a}}]"),
            "3:15: no earlier step makes thing 'a'; there are none\n");
  EXPECT_EQ(errors_after_head("steps: [{use: all}]"), "");
}

TEST(Steps, ANameIsGivenOnceUntilItIsReleased) {
  EXPECT_EQ(errors_after_head("steps: [{make: {id: a}}, {make: {id: a}}]"),
            "3:38: thing 'a' is there already, from line 3; give each its own name\n");
  EXPECT_EQ(errors_after_head("steps: [{make: {id: a}}, {drop: a}, {make: {id: a}}, {use: a}]"), "");
}

TEST(Steps, AllNamesCanBeReleasedAtOnce) {
  EXPECT_EQ(errors_after_head("steps: [{make: {id: a}}, {make: {id: b}}, {drop: all}, {make: {id: b}}]"), "");
}

TEST(Steps, NestedStepsShareTheNames) {
  EXPECT_EQ(errors_after_head("steps: [{make: {id: a}}, {group: {steps: [{use: a}, {make: {id: b}}]}}, {use: b}]"), "");
  EXPECT_EQ(errors_after_head("steps: [{group: {steps: [{use: b}]}}]"),
            "3:32: no earlier step makes thing 'b'; there are none\n");
  EXPECT_THAT(errors_after_head("steps: [{group: {steps: [{group: {steps: [{wait: x}]}}]}}]"),
              HasSubstr("steps.0.group.steps.0.group.steps.0.wait: 'x' is not a duration"));
}

TEST(Steps, AScenarioHasSteps) {
  EXPECT_EQ(errors_after_head("steps: []"),
            "3:8: steps: a scenario without steps does nothing; begin with `- boot: {}`\n");
  EXPECT_EQ(errors_after_head("summary: x"), "1:1: key 'steps' is missing; add it: steps, a list of steps\n");
}

// ---- settings that this build honours

TEST(Settings, ADefaultIsAlwaysAvailable) {
  EXPECT_EQ(errors_after_head(kSteps + "runtime: {quiesce: {gc: last}, restore: {reseed: on}}"), "");
}

TEST(Settings, AnotherValueMustBeRegistered) {
  EXPECT_EQ(errors_after_head(kSteps + "vm: {memory: 512MiB}\nruntime: {uffd: {on_remove: ignore}}"), "");
  EXPECT_EQ(errors_after_head(kSteps + "runtime:\n  quiesce: {gc: first}\n  uffd: {on_remove: stop}\n"),
            "6:17: runtime.quiesce.gc: first is not available in this build; the default, last, is\n"
            "7:21: runtime.uffd.on_remove: stop is not available in this build; the default, zero, is\n");
  EXPECT_EQ(errors_after_head(kSteps + "runtime: {uffd: {handler: {command: [h]}}}"),
            "5:27: runtime.uffd.handler: {\"command\":[\"h\"]} is not available in this build; the default, builtin, "
            "is\n");
}

TEST(Settings, AMatrixValueIsCheckedToo) {
  EXPECT_EQ(errors_after_head(kSteps + "matrix: {runtime.quiesce.gc: [last, off]}"),
            "5:37: runtime.quiesce.gc: off is not available in this build; the default, last, is\n");
}

// ---- expectations

TEST(Expect, ConditionsNameTheMatrix) {
  const std::string matrix = kSteps + "matrix: {runtime.uffd.on_remove: [zero, ignore]}\nexpect:\n";
  EXPECT_EQ(errors_after_head(matrix + "  - when: {runtime.uffd.on_remov: zero}\n"),
            "7:12: when: 'runtime.uffd.on_remov' is not in the matrix; did you mean 'runtime.uffd.on_remove'? known: "
            "runtime.uffd.on_remove\n");
  EXPECT_EQ(errors_after_head(matrix + "  - when: {runtime.uffd.on_remove: ignor}\n"),
            "7:36: runtime.uffd.on_remove: expected one of zero, ignore, stop, got 'ignor'; did you mean 'ignore'?\n");
  EXPECT_EQ(errors_of(kHead + matrix + "  - when: {runtime.uffd.on_remove: stop}\n", {.require_available = false}),
            "7:36: when: the matrix never sets runtime.uffd.on_remove to 'stop'; known: zero, ignore\n");
  EXPECT_EQ(errors_after_head(kSteps + "expect: [{when: {vm.memory: 1GiB}}]"),
            "5:18: when: 'vm.memory' is not in the matrix; there are none\n");
  EXPECT_EQ(errors_after_head(matrix + "  - when: {}\n"),
            "7:11: expect.0.when: expected a map from paths of the matrix to values, got an empty map\n");
}

TEST(Expect, ImpossibleEntriesAreErrors) {
  EXPECT_EQ(errors_after_head(kSteps + "expect: [{verdict: pass, findings: [hang]}]"),
            "5:36: a run that ends with pass has no findings; write `verdict: fail`\n");
  EXPECT_EQ(errors_after_head(kSteps + "expect: [{verdict: fail, findings: []}]"),
            "5:36: a fail has at least one finding; name it, or leave `findings` out to allow any\n");
  EXPECT_EQ(errors_after_head(kSteps + "expect: [{verdict: fail, findings: [hang, hang]}]"),
            "5:43: finding 'hang' is listed twice\n");
  EXPECT_THAT(errors_after_head(kSteps + "expect: [{verdict: fail, findings: [stale-pages]}]"),
              HasSubstr("5:37: unknown finding 'stale-pages'; did you mean 'stale-page'?"));
  EXPECT_EQ(errors_after_head(kSteps + "expect: [{verdict: pass}, {verdict: fail}]"),
            "5:27: no run reaches this entry: the one before it has no `when`; put the entry without `when` last\n");
}

// ---- limits

TEST(Limits, MeasuresAndBoundsAreChecked) {
  EXPECT_EQ(errors_after_head(kSteps + "limits: {restore_to_healty: {p50: 1s}}"),
            "5:10: unknown measure 'restore_to_healty'; did you mean 'restore_to_healthy'? known: downtime, pause, "
            "restore_slowdown, restore_to_healthy\n");
  EXPECT_THAT(errors_after_head(kSteps + "limits: {downtime: {p51: 1s}}"),
              HasSubstr("5:21: unknown key 'p51' in limits.downtime; did you mean 'p50'?"));
  EXPECT_THAT(errors_after_head(kSteps + "limits: {downtime: {}}"),
              HasSubstr("5:20: limits.downtime: expected at least one bound such as `max: 3s`, got an empty map\n"));
}

// ---- files

class LoadFiles : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    const fs::path file = directory_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }
  LoadedFiles load(const fs::path& path) { return load_paths(std::vector{path}); }

  TemporaryDirectory directory_;
};

TEST_F(LoadFiles, ADirectoryIsSearchedInOrder) {
  write("b.yaml", "version: 1\nname: b\n" + kSteps);
  write("a/x.yml", "version: 1\nname: x\n" + kSteps);
  write("readme.md", "not a scenario");
  const LoadedFiles files = load(directory_);
  EXPECT_EQ(errors_of(files.diagnostics), "");
  ASSERT_EQ(files.scenarios.size(), 2u);
  EXPECT_EQ(files.scenarios[0].first_point.name, "x");
  EXPECT_EQ(files.scenarios[1].first_point.name, "b");
}

TEST_F(LoadFiles, NamesAreUniqueAmongFiles) {
  write("a.yaml", kHead + kSteps);
  write("b.yaml", kHead + kSteps);
  const LoadedFiles files = load(directory_);
  ASSERT_EQ(files.diagnostics.size(), 1u);
  EXPECT_THAT(format(files.diagnostics), HasSubstr("b.yaml:2:7: scenario 'sample' is in "));
}

TEST_F(LoadFiles, AFileThatIsGivenTwiceIsLoadedOnce) {
  const fs::path file = write("a.yaml", kHead + kSteps);
  const LoadedFiles files = load_paths(std::vector{directory_.path(), file, directory_ / "." / "a.yaml"});
  EXPECT_EQ(errors_of(files.diagnostics), "");
  EXPECT_EQ(files.scenarios.size(), 1u);
}

TEST_F(LoadFiles, ADirectoryWithoutAScenarioIsAnError) {
  EXPECT_THAT(format(load(directory_).diagnostics), EndsWith("no scenario (*.yaml, *.yml) in this directory\n"));
}

TEST_F(LoadFiles, WhatCannotBeReadSaysWhy) {
  EXPECT_THAT(format(load(directory_ / "none.yaml").diagnostics),
              EndsWith("none.yaml: read the scenario: No such file or directory\n"));
  EXPECT_THAT(format(load("/dev/zero").diagnostics), HasSubstr("larger than a scenario may be"));
  EXPECT_THAT(format(load(write("big.yaml", std::string(2'000'000, ' '))).diagnostics),
              EndsWith("2000000 bytes: larger than a scenario may be\n"));
}

}  // namespace
}  // namespace snaphammer::scenario
