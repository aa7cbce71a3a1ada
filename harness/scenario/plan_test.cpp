#include "harness/scenario/plan.h"

#include <chrono>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/scenario/plan_id.h"
#include "harness/scenario/testing/errors_of.h"

namespace snaphammer::scenario {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::string kPlanHead = "version: 1\nname: sample\n";
const std::string kPlanSteps =
    "steps:\n"
    "  - make: {id: a}\n"
    "  - wait: 1s\n"
    "  - group: {steps: [{make: {id: b, size: 5}}]}\n"
    "  - drop: a\n";

LoadedScenario loaded(const std::string& rest) {
  Loaded result = load_text("dir/test.yaml", kPlanHead + rest, {.require_available = false});
  EXPECT_EQ(errors_of(result.diagnostics), "");
  return std::move(result.scenario).value();
}
std::vector<RunPlan> runs_of(const std::string& rest, PlanOptions options = {}) {
  Planned planned = plan(loaded(rest), options);
  EXPECT_EQ(errors_of(planned.diagnostics), "");
  return std::move(planned.runs);
}
std::string plan_errors(const std::string& rest) { return errors_of(kPlanHead + rest, {.require_available = false}); }

std::vector<std::string> ids(const std::vector<RunPlan>& runs) {
  std::vector<std::string> ids;
  for (const RunPlan& run : runs) ids.push_back(run.id);
  return ids;
}
/// The option of step `index`, in canonical form.
json option(const RunPlan& run, std::size_t index, const char* key) {
  return run.scenario->steps.at(index)->options().at(key);
}

TEST(Plan, AScenarioWithoutAMatrixIsOneRun) {
  const auto runs = runs_of(kPlanSteps + "seed: 7");
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].id, "sample.s7");
  EXPECT_EQ(runs[0].seed, 7u);
  EXPECT_TRUE(runs[0].point.empty());
  EXPECT_EQ(runs[0].source->file, "dir/test.yaml");
}

TEST(Plan, EveryCombinationIsAPointAndTheFirstAxisVariesSlowest) {
  const auto runs = runs_of(
      kPlanSteps + "seed: 1\nmatrix: {runtime.uffd.on_remove: [zero, ignore], vm.memory: [128MiB, 256MiB, 1GiB]}");
  EXPECT_THAT(ids(runs), ::testing::ElementsAre(
                             "sample.on_remove=zero,memory=128MiB.s1", "sample.on_remove=zero,memory=256MiB.s1",
                             "sample.on_remove=zero,memory=1GiB.s1", "sample.on_remove=ignore,memory=128MiB.s1",
                             "sample.on_remove=ignore,memory=256MiB.s1", "sample.on_remove=ignore,memory=1GiB.s1"));
  EXPECT_EQ(runs[5].scenario->runtime.uffd.on_remove, OnRemove::kIgnore);
  EXPECT_EQ(runs[5].scenario->vm.memory, 1_GiB);
  EXPECT_EQ(runs[0].scenario->runtime.uffd.on_remove, OnRemove::kZero);
  EXPECT_EQ(runs[5].point, (Point{{"runtime.uffd.on_remove", "ignore"}, {"vm.memory", "1GiB"}}));
}

TEST(Plan, RepeatsOfAPointHaveConsecutiveSeeds) {
  const auto runs = runs_of(kPlanSteps + "seed: 10\nrepeat: 2\nmatrix: {runtime.snapshot.sync: [on, off]}");
  EXPECT_THAT(ids(runs), ::testing::ElementsAre("sample.sync=true.s10", "sample.sync=true.s11", "sample.sync=false.s10",
                                                "sample.sync=false.s11"));
}

TEST(Plan, SeedAndRepeatCanBeOverridden) {
  EXPECT_EQ(ids(runs_of(kPlanSteps, {.random_seed = 55})), std::vector<std::string>{"sample.s55"});
  EXPECT_EQ(ids(runs_of(kPlanSteps + "seed: 1", {.seed = 9, .repeat = 2, .random_seed = 55})),
            (std::vector<std::string>{"sample.s9", "sample.s10"}));
}

TEST(Plan, TheNumberOfRunsIsBounded) {
  const LoadedScenario many = loaded(kPlanSteps + "repeat: 10000\nmatrix: {steps.0.size: 1..100, vm.vcpus: [1, 2]}\n");
  EXPECT_EQ(
      errors_of(plan(many, {}).diagnostics),
      "9:10: 200 points, each 10000 times, are more than 1000000 runs; repeat fewer times, or split the scenario\n");
  EXPECT_EQ(plan(many, {.repeat = 2}).runs.size(), 400u);
  EXPECT_THAT(errors_of(plan(loaded(kPlanSteps), {.repeat = 2'000'000}).diagnostics),
              HasSubstr("more than 1000000 runs"));
}

TEST(Plan, AFreshSeedIsShortAndNotZero) {
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t seed = fresh_seed();
    EXPECT_GE(seed, 1u);
    EXPECT_LE(seed, 999'999'999u);
  }
}

TEST(Plan, TheSameFileGivesTheSamePlan) {
  const std::string text = kPlanSteps + "seed: 3\nmatrix: {vm.vcpus: 1..8}";
  EXPECT_EQ(ids(runs_of(text)), ids(runs_of(text)));
}

// ---- what a matrix can vary

TEST(Matrix, RangesAreWholeNumbersWithBothEnds) {
  const auto vcpus = [&](const std::string& axis) {
    std::vector<unsigned> values;
    for (const RunPlan& run : runs_of(kPlanSteps + "matrix: {vm.vcpus: " + axis + "}")) {
      values.push_back(run.scenario->vm.vcpus);
    }
    return values;
  };
  EXPECT_EQ(vcpus("1..4"), (std::vector<unsigned>{1, 2, 3, 4}));
  EXPECT_EQ(vcpus("{from: 1, to: 8, step: 3}"), (std::vector<unsigned>{1, 4, 7}));
  EXPECT_EQ(vcpus("[1..2, 8]"), (std::vector<unsigned>{1, 2, 8}));
}

TEST(Matrix, AStepIsNamedByIndexNameOrKind) {
  for (const char* path : {"steps.0.size", "steps.0.make.size", "steps.a.size"}) {
    const auto runs = runs_of(kPlanSteps + "matrix: {" + path + ": [2, 3]}");
    ASSERT_EQ(runs.size(), 2u);
    EXPECT_EQ(option(runs[1], 0, "size"), 3) << path;
    EXPECT_EQ(runs[1].id, "sample.size=3.s1");
  }
  const auto waits = runs_of(kPlanSteps + "matrix: {wait: [2s, 3s]}");
  EXPECT_EQ(waits[1].scenario->steps[1]->options(), "3s");
  EXPECT_EQ(waits[1].point[0].second, "3s");
}

TEST(Matrix, NestedStepsAreReached) {
  for (const char* path : {"steps.b.size", "group.steps.0.make.size", "steps.2.group.steps.0.make.size"}) {
    const auto runs = runs_of(kPlanSteps + "matrix: {" + path + ": [2, 3]}");
    const json group = runs[1].scenario->steps[2]->options();
    EXPECT_EQ(group[0]["make"]["size"], 3) << path;
  }
}

TEST(Matrix, AValueWithoutACanonicalPlaceIsShownAsWritten) {
  // The canonical form of a group is its list, in which there is no `steps`.
  const auto runs =
      runs_of("steps: [{group: {steps: [{wait: 1s}]}}]\nmatrix: {group.steps: [[{wait: 2s}], [{wait: 3s}]]}");
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].point[0].second, json::parse(R"([{"wait": "2s"}])"));
}

TEST(Matrix, ControlAndAbsentOptionsCanBeVaried) {
  const auto runs = runs_of(kPlanSteps + "matrix: {steps.0.timeout: [1s, 2s], steps.0.labels: [[x], [y, z]]}");
  ASSERT_EQ(runs.size(), 4u);
  EXPECT_EQ(runs[3].scenario->steps[0]->control.timeout, std::chrono::seconds(2));
  EXPECT_EQ(option(runs[3], 0, "labels"), json::parse(R"(["y", "z"])"));
}

TEST(Matrix, ARequiredKeyMayComeFromTheMatrix) {
  const auto runs = runs_of("steps: [{make: {}}]\nmatrix: {make.id: [x, y]}");
  EXPECT_EQ(option(runs[1], 0, "id"), "y");
}

TEST(Matrix, LimitsTimeoutAndUnionsCanBeVaried) {
  const auto runs = runs_of(kPlanSteps +
                            "matrix: {timeout: [1m, 2m], limits.downtime.max: [1s], runtime.pause.balloon: "
                            "[auto, off, 128MiB]}");
  ASSERT_EQ(runs.size(), 6u);
  EXPECT_EQ(runs[5].scenario->timeout, std::chrono::minutes(2));
  EXPECT_EQ(runs[5].scenario->limits.by_measure.at("downtime").max, std::chrono::seconds(1));
  EXPECT_EQ(std::get<ByteCount>(runs[5].scenario->runtime.pause.balloon), 128_MiB);
  EXPECT_EQ(runs[4].point[2].second, "off");
}

TEST(Matrix, APathThatLeadsNowhereIsAnError) {
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {runtime.uffd.on_remov: [zero]}"),
            "8:10: unknown key 'on_remov' in runtime.uffd; did you mean 'on_remove'? known: on_remove, on_eagain, "
            "event_order, prefetch, workers, prefetch_chunk, read_retries, handler\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {uffd.on_remove: [zero]}"),
            "8:10: matrix: 'uffd' cannot be varied; did you mean 'runtime.uffd.on_remove'?\n");
  EXPECT_EQ(
      plan_errors(kPlanSteps + "matrix: {name: [a, b]}"),
      "8:10: matrix: 'name' cannot be varied; a path begins with vm, runtime, limits, timeout, steps, or the kind "
      "of a step\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {steps.9.size: [1]}"),
            "8:10: matrix: no step '9'; give an index below 4, or a step's `id` or `as`\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {make.size: [1, 2]}"),
            "8:10: matrix: the scenario has 2 steps 'make'; say which by index: steps.0.make\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {use.thing: [a]}"), "8:10: matrix: the scenario has no step 'use'\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm..memory: [1GiB]}"),
            "8:10: matrix: an empty name in the path; write it as runtime.uffd.on_remove\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {wait.duration: [1s]}"),
            "8:10: matrix: 'duration' leads into '1s'; end the path before it, or write the value as a map\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {steps.0: [1s]}"),
            "8:10: matrix: no option of a step; write it as steps.3.prefetch\n");
}

TEST(Matrix, AValueIsCheckedWhereItIsWritten) {
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.memory: [128MiB, 100]}"),
            "8:30: vm.memory: '100' is not a size: no unit; write a whole number and B, "
            "KiB, MiB, GiB or TiB, for example 256MiB\n");
}

TEST(Matrix, AxesHaveDistinctValuesAndPlaces) {
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.memory: [1GiB, 1024MiB]}"),
            "8:28: matrix: vm.memory has the value '1024MiB' twice\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {steps.0.size: [1], steps.a.size: [2]}"),
            "8:29: matrix: 'steps.a.size' and 'steps.0.size' set the same\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.balloon: [{}], vm.balloon.deflate_on_oom: [on]}"),
            "8:28: matrix: 'vm.balloon.deflate_on_oom' and 'vm.balloon' set the same\n");
}

TEST(Matrix, ItsFormIsChecked) {
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: [a]"),
            "8:9: matrix: expected a map from paths such as runtime.uffd.on_remove to lists of values, got a list\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.vcpus: 3}"),
            "8:20: matrix.vm.vcpus: expected a list of values, or a range such as 0..200, got '3'\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.vcpus: []}"), "8:20: matrix.vm.vcpus: no values\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.vcpus: 5..1}"), "8:20: matrix.vm.vcpus: an empty range\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.vcpus: 1..9999999999}"),
            "8:20: matrix.vm.vcpus: more than 10000 values\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.vcpus: {from: 1}}"),
            "8:20: key 'to' is missing in matrix.vm.vcpus; add it: to, a whole number\n");
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.vcpus: {from: 1, to: 4, step: 0}}"),
            "8:43: matrix.vm.vcpus.step: expected a whole number from 1 to 9223372036854775807, got '0'\n");
}

TEST(Matrix, TheNumberOfPointsIsBounded) {
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {steps.0.size: 1..100, steps.b.size: 1..100, vm.vcpus: 1..64}"),
            "8:10: the matrix has more than 100000 points; split the scenario\n");
}

TEST(Matrix, TheNumberOfPointsIsCheckedBeforeEachValueIs) {
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {steps.0.size: 1..9999, vm.vcpus: 1..9999}"),
            "8:10: the matrix has more than 100000 points; split the scenario\n");
}

TEST(Matrix, ALongAxisOfALongScenarioIsRefused) {
  std::string steps;
  for (int i = 0; i < 400; ++i) steps += "  - wait: 1s\n";
  EXPECT_EQ(plan_errors(kPlanSteps + steps + "matrix: {vm.vcpus: 1..9999}"),
            "408:10: the matrix has too many values for so long a scenario; split the scenario\n");
}

TEST(Matrix, ALongAxisIsReadInLinearTime) {
  const auto time_of = [](int values) {
    std::string list;
    for (int value = 0; value < values; ++value) list += fmt::format("[label{}], ", value);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {steps.0.labels: [" + list + "[last]]}"), "");
    return std::chrono::steady_clock::now() - began;
  };
  const auto shorter = time_of(500);
  EXPECT_LT(time_of(5000), 10 * 5 * shorter);
}

TEST(Matrix, ExtremesOfARangeDoNotOverflow) {
  EXPECT_EQ(plan_errors(kPlanSteps + "matrix: {vm.vcpus: -9223372036854775808..9223372036854775807}"),
            "8:20: matrix.vm.vcpus: more than 10000 values\n");
  EXPECT_THAT(plan_errors(kPlanSteps + "matrix: {steps.0.size: {from: 9223372036854775806, to: 9223372036854775807}}"),
              HasSubstr("got '9223372036854775806'"));
}

TEST(Matrix, ACombinationThatIsInvalidIsFoundByThePlan) {
  // Each value alone fits the first point; together they name one thing twice.
  const std::string text =
      "steps: [{make: {id: a}}, {make: {id: b}}]\nmatrix: {steps.0.id: [a, c], steps.1.id: [b, c]}";
  const Planned planned = plan(loaded(text), {});
  EXPECT_TRUE(planned.runs.empty());
  EXPECT_THAT(errors_of(planned.diagnostics),
              HasSubstr("thing 'c' is there already, from line 4 (with steps.0.id: c, steps.1.id: c)"));
}

// ---- which expectation decides

TEST(PlanExpectation, TheFirstEntryThatMatchesDecides) {
  const auto runs = runs_of(kPlanSteps +
                            "matrix: {runtime.uffd.on_remove: [zero, ignore, stop], runtime.snapshot.sync: [on, off]}\n"
                            "expect:\n"
                            "  - when: {runtime.uffd.on_remove: stop, runtime.snapshot.sync: no}\n"
                            "    verdict: inconclusive\n"
                            "  - when: {runtime.uffd.on_remove: [ignore, stop]}\n"
                            "    verdict: fail\n"
                            "    findings: [hang]\n");
  std::vector<std::string> verdicts;
  for (const RunPlan& run : runs) verdicts.push_back(word_for(run.expectation.verdict));
  EXPECT_EQ(verdicts, (std::vector<std::string>{"pass", "pass", "fail", "fail", "fail", "inconclusive"}));
}

TEST(PlanExpectation, ValuesAreComparedByMeaningNotBySpelling) {
  const auto runs = runs_of(kPlanSteps +
                            "matrix: {vm.memory: [1024MiB, 128MiB]}\n"
                            "expect: [{when: {vm.memory: 1GiB}, verdict: fail}]\n");
  EXPECT_EQ(runs[0].expectation.verdict, Verdict::kFail);
  EXPECT_EQ(runs[1].expectation.verdict, Verdict::kPass);
}

TEST(PlanExpectation, AListCanBeOneValue) {
  const auto runs = runs_of(kPlanSteps +
                            "matrix: {vm.kernel_args: [[a], [a, b]]}\n"
                            "expect: [{when: {vm.kernel_args: [a, b]}, verdict: fail}]\n");
  EXPECT_EQ(runs[0].expectation.verdict, Verdict::kPass);
  EXPECT_EQ(runs[1].expectation.verdict, Verdict::kFail);
}

// ---- ids

TEST(RunId, IsFitForAFileNameAndUniqueWhateverThePoint) {
  const std::vector<Point> points{
      {},
      {{"vm.kernel_args", json::array({"a=1"})}},
      {{"vm.kernel_args", json::array({"a=2"})}},
      {{"a.path", "x/y"}},
      {{"a.path", "x-y"}},
      {{"a.path", "x\ny"}},
      {{"a.path", std::string(1000, 'x')}},
      {{"a.path", std::string(1001, 'x')}},
      {{"a.b", "1"}, {"c.b", "2"}},
      {{"a.b", "2"}, {"c.b", "1"}},
      {{"a.b", "1,c.b=2"}},
  };
  std::set<std::string> ids;
  for (const Point& point : points) {
    const std::string id = run_id(std::string(80, 'n'), point, 18446744073709551615ull);
    EXPECT_TRUE(ids.insert(id).second) << id;
    EXPECT_LE(id.size(), 170u);
    EXPECT_THAT(id, ::testing::MatchesRegex("[A-Za-z0-9_.,=-]+"));
  }
}

TEST(RunId, PathsWithOneLastNameAreToldApart) {
  EXPECT_EQ(run_id("n", {{"runtime.uffd.prefetch", "all"}, {"restore.prefetch", "off"}}, 1),
            "n.uffd.prefetch=all,restore.prefetch=off.s1");
}

// ---- judging

report::RunResult result(Verdict verdict, std::vector<std::string> findings) {
  report::RunResult run;
  run.verdict = verdict;
  for (std::string& id : findings) {
    report::Finding finding;
    finding.id = std::move(id);
    run.findings.push_back(std::move(finding));
  }
  return run;
}
Expectation expecting(Verdict verdict, std::optional<std::vector<std::string>> findings = std::nullopt) {
  Expectation expectation;
  expectation.verdict = verdict;
  expectation.findings = std::move(findings);
  return expectation;
}

TEST(Judge, APassIsExpectedByDefault) {
  EXPECT_TRUE(judge(Expectation{}, result(Verdict::kPass, {})).expected);
  const Judgement failed = judge(Expectation{}, result(Verdict::kFail, {"hang"}));
  EXPECT_FALSE(failed.expected);
  EXPECT_EQ(failed.reason, "expected pass, got fail (hang)");
}

TEST(Judge, FindingsAreEachAtLeastOnceAndNoOthers) {
  const Expectation expectation = expecting(Verdict::kFail, {{"stale-page", "hang"}});
  EXPECT_TRUE(judge(expectation, result(Verdict::kFail, {"hang", "stale-page", "hang"})).expected);
  EXPECT_FALSE(judge(expectation, result(Verdict::kFail, {"hang"})).expected);
  EXPECT_FALSE(judge(expectation, result(Verdict::kFail, {"hang", "stale-page", "leak"})).expected);
  EXPECT_EQ(judge(expectation, result(Verdict::kPass, {})).reason, "expected fail (hang, stale-page), got pass");
}

TEST(Judge, AFailWithoutFindingsNamedAllowsAny) {
  EXPECT_TRUE(judge(expecting(Verdict::kFail), result(Verdict::kFail, {"leak"})).expected);
  EXPECT_FALSE(judge(expecting(Verdict::kFail), result(Verdict::kPass, {})).expected);
}

TEST(Judge, OtherVerdictsAreExpectedOnlyWhenNamed) {
  for (const Verdict verdict : {Verdict::kInconclusive, Verdict::kError, Verdict::kSkipped}) {
    EXPECT_FALSE(judge(Expectation{}, result(verdict, {})).expected);
    EXPECT_FALSE(judge(expecting(Verdict::kFail, {{"hang"}}), result(verdict, {"hang"})).expected);
    EXPECT_TRUE(judge(expecting(verdict), result(verdict, {})).expected);
  }
}

TEST(Judge, APassWithAFindingIsNotAPass) {
  EXPECT_FALSE(judge(Expectation{}, result(Verdict::kPass, {"leak"})).expected);
}

std::string reason_for(const RuntimeKnobs& knobs, const report::RunResult& run) {
  auto scenario = std::make_shared<Scenario>();
  scenario->runtime = knobs;
  RunPlan plan;
  plan.scenario = scenario;
  plan.expectation = expecting(Verdict::kFail, {{"stale-page"}});
  return judge(plan, run).reason;
}

TEST(Judge, AFindingThatDidNotComeIsExplainedByKnobsThatCouldNotAct) {
  const std::string missed = "expected fail (stale-page), got pass";
  const std::string no_remove = "; no REMOVE event came after a restore, so uffd.";
  RuntimeKnobs wrong;
  EXPECT_EQ(reason_for(wrong, result(Verdict::kPass, {})), missed);
  wrong.uffd.on_remove = OnRemove::kIgnore;
  wrong.uffd.event_order = EventOrder::kAsRead;
  wrong.uffd.on_eagain = OnEagain::kDrop;
  wrong.snapshot.zero_blocks = ZeroBlocks::kUnchanged;
  EXPECT_EQ(reason_for(wrong, result(Verdict::kPass, {})),
            missed + no_remove + "on_remove could not act" + no_remove + "event_order could not act" +
                "; no copy of a page was refused for a pending event (EAGAIN), so uffd.on_eagain could not act"
                "; no diff snapshot was taken, so snapshot.zero_blocks could not act");
  EXPECT_EQ(reason_for(wrong, result(Verdict::kFail, {"stale-page"})), "");

  report::RunResult eventful = result(Verdict::kPass, {});
  eventful.restores.resize(2);
  eventful.restores[0].uffd = {{"removes", 0}, {"eagain", 2}};
  eventful.restores[1].uffd = {{"removes", 7}, {"eagain", 0}};
  eventful.pauses.resize(1);
  eventful.pauses[0].type = "diff";
  EXPECT_EQ(reason_for(wrong, eventful), missed);
  eventful.restores.pop_back();
  EXPECT_EQ(reason_for(wrong, eventful),
            missed + no_remove + "on_remove could not act" + no_remove + "event_order could not act");
  eventful.restores.emplace_back();  // Nobody knows what happened in that one.
  EXPECT_EQ(reason_for(wrong, eventful), missed);
}

// ---- limits

report::RunResult restored_in(const std::vector<std::optional<double>>& times_ms) {
  report::RunResult run;
  for (const std::optional<double>& ms : times_ms) run.restores.emplace_back().to_healthy_ms = ms;
  return run;
}

TEST(CheckLimits, EachBrokenBoundIsAFinding) {
  const Limits limits = loaded(kPlanSteps + "limits: {restore_to_healthy: {p50: 500ms, max: 3s}, downtime: {max: 1ms}}")
                            .first_point.limits;
  const auto findings = check_limits(limits, restored_in({100, 200, 3001}));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].id, "limit");
  EXPECT_EQ(findings[0].message, "restore_to_healthy max: 3001.0 ms, more than 3s");
  EXPECT_EQ(findings[0].evidence["samples"], 3);
}

TEST(CheckLimits, ARestoreThatNobodySawHealthyIsNoFastOne) {
  const Limits limits = loaded(kPlanSteps + "limits: {restore_to_healthy: {p50: 500ms}, restore_slowdown: {max: 1ms}}")
                            .first_point.limits;
  const auto findings = check_limits(limits, restored_in({std::nullopt, std::nullopt, 900}));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].message, "restore_to_healthy p50: 900.0 ms, more than 500ms");
}

TEST(CheckLimits, WhatWasNotMeasuredIsNamed) {
  const Limits limits =
      loaded(kPlanSteps + "limits: {downtime: {max: 1s}, restore_to_healthy: {p50: 1s}}").first_point.limits;
  report::RunResult run;
  run.pauses.emplace_back();
  run.restores.emplace_back();
  EXPECT_TRUE(check_limits(limits, run).empty());
  EXPECT_THAT(unmeasured_limit(limits, run).value(),
              HasSubstr("restore_to_healthy was never measured: it takes a `restore`"));
  run.restores.front().to_healthy_ms = 900;
  EXPECT_EQ(unmeasured_limit(limits, run), std::nullopt);
}

TEST(CheckLimits, ARestoreIsSlowerThanTheFirstOneOfItsGuestFromItsSnapshot) {
  const Limits limits = loaded(kPlanSteps + "limits: {restore_slowdown: {p50: 50ms, max: 250ms}}").first_point.limits;
  report::RunResult run;
  const auto restored = [&run](const char* guest, const char* from, double ms) {
    report::RestoreReport restore;
    restore.guest = guest;
    restore.from = from;
    restore.to_healthy_ms = ms;
    run.restores.push_back(restore);
  };
  restored("clone-1", "s1", 100);
  restored("clone-2", "s1", 900);
  restored("clone-1", "s2", 5000);
  EXPECT_TRUE(check_limits(limits, run).empty()) << "each is the first of its guest and snapshot";
  restored("clone-1", "s1", 400);
  restored("clone-2", "s1", 910);
  restored("clone-2", "s1", 20);
  const auto findings = check_limits(limits, run);
  ASSERT_EQ(findings.size(), 1u) << "300, 10 and 0 ms";
  EXPECT_EQ(findings[0].message, "restore_slowdown max: 300.0 ms, more than 250ms");
}

TEST(CheckLimits, AtTheLimitIsWithinIt) {
  const Limits limits = loaded(kPlanSteps + "limits: {downtime: {mean: 10ms, p99: 20ms}}").first_point.limits;
  report::RunResult run;
  run.pauses.resize(2);
  run.pauses[1].downtime_ms = 20;
  EXPECT_TRUE(check_limits(limits, run).empty());
  run.pauses[1].downtime_ms = 20.1;
  EXPECT_EQ(check_limits(limits, run).size(), 2u);
}

// ---- plan.json

TEST(ExpectedTime, IsThatOfTheStepsAndAtMostTheTimeout) {
  const auto expected = [](const std::string& rest) {
    const Loaded scenario = load_text("a.yaml", "version: 1\nname: a\nseed: 1\n" + rest);
    return expected_time(plan(*scenario.scenario, {}).runs.at(0));
  };
  EXPECT_EQ(expected("steps: [wait: 2s, wait: 500ms]\n"), std::chrono::milliseconds(2500));
  EXPECT_EQ(expected("steps: [wait: 2s, make: {id: a}]\n"), std::chrono::seconds(2) + kUsualStep);
  EXPECT_EQ(expected("timeout: 10s\nsteps: [wait: 1m]\n"), std::chrono::seconds(10));
}

TEST(PlanJson, ComesBackWithoutTheFile) {
  const auto runs = runs_of(kPlanSteps +
                            "seed: 3\nmatrix: {runtime.uffd.on_remove: [zero, ignore], steps.0.labels: [[x], [y, 1]]}\n"
                            "expect: [{when: {runtime.uffd.on_remove: ignore}, verdict: fail, findings: [hang]}]\n");
  for (const RunPlan& run : runs) {
    const auto again = run_plan_from_json(json::parse(to_json(run).dump()));
    ASSERT_TRUE(again) << again.error().describe();
    EXPECT_EQ(again->id, run.id);
    EXPECT_EQ(again->seed, run.seed);
    EXPECT_EQ(again->point, run.point);
    EXPECT_EQ(again->expectation.verdict, run.expectation.verdict);
    EXPECT_EQ(again->expectation.findings, run.expectation.findings);
    EXPECT_EQ(again->source->text, run.source->text);
    EXPECT_EQ(Codec<Scenario>::write(*again->scenario), Codec<Scenario>::write(*run.scenario));
  }
}

TEST(PlanJson, WhatIsDamagedIsRefused) {
  const json good = to_json(runs_of(kPlanSteps)[0]);
  EXPECT_TRUE(run_plan_from_json(good));
  for (const auto& [key, value] : good.items()) {
    if (key == "resolved" || key == "scenario") continue;  // For readers only.
    json without = good;
    without.erase(key);
    EXPECT_FALSE(run_plan_from_json(without)) << key;
    json wrong = good;
    wrong[key] = json::array({json::object()});
    EXPECT_FALSE(run_plan_from_json(wrong)) << key;
  }
  json broken = good;
  broken["text"] = "version: 1\nnam: x\n";
  EXPECT_THAT(run_plan_from_json(broken).error().message(), HasSubstr("unknown key 'nam'"));
  EXPECT_FALSE(run_plan_from_json(json::array()));
}

}  // namespace
}  // namespace snaphammer::scenario
