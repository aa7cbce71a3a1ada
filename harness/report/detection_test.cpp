#include "harness/report/detection.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "harness/report/reporter.h"
#include "harness/report/testing/golden.h"

namespace snaphammer::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

RunResult run_of(const std::string& scenario, const std::string& value) {
  RunResult run;
  run.scenario = scenario;
  run.point = {{"runtime.knob", value}};
  run.accel = "tcg";
  run.guest_kernel = "6.1.0";
  return run;
}

RunResult clean_control(const std::string& scenario) {
  RunResult run = run_of(scenario, "right");
  run.expects = Expects{Verdict::kPass, {}};
  run.verdict = Verdict::kPass;
  run.expected = true;
  return run;
}

/// Found by `findings`, one second after the other, the first at `at_ms`.
RunResult found_defect(const std::string& scenario, const std::vector<std::string>& findings, double at_ms) {
  RunResult run = run_of(scenario, "wrong");
  run.expects = Expects{Verdict::kFail, findings};
  run.verdict = Verdict::kFail;
  run.expected = true;
  for (const std::string& id : findings) {
    run.findings.push_back({id, "someone", "", 1, {}, at_ms});
    at_ms += 1000;
  }
  return run;
}

RunResult missed_defect(const std::string& scenario, const std::string& finding) {
  RunResult run = found_defect(scenario, {finding}, 0);
  run.verdict = Verdict::kPass;
  run.expected = false;
  run.findings.clear();
  return run;
}

DetectionRow only_row(const std::vector<RunResult>& runs) {
  const std::vector<DetectionRow> rows = detection_rows(runs);
  EXPECT_THAT(rows, SizeIs(1));
  return rows.front();
}

std::string row_id(const std::string& scenario) { return only_row({clean_control(scenario)}).id; }

TEST(Detection, ARowIsWhatTheScenariosNameBeginsWith) {
  EXPECT_EQ(row_id("m1-remove-ignored"), "M1");
  EXPECT_EQ(row_id("m3-m4-eagain"), "M3, M4");
  EXPECT_EQ(row_id("stale-pages"), "stale-pages");
  EXPECT_EQ(row_id("r-2"), "r-2");
}

TEST(Detection, ScenariosOfOneRowAreCountedTogether) {
  const DetectionRow row = only_row({found_defect("r2-lost", {"unhealthy"}, 5), clean_control("r2-lost"),
                                     found_defect("r2-late", {"hang"}, 5), clean_control("r2-late")});
  EXPECT_EQ(row.found(), (Tally{2, 2}));
  EXPECT_EQ(row.clean(), (Tally{2, 2}));
  EXPECT_THAT(row.findings(), ElementsAre("hang", "unhealthy"));
  EXPECT_THAT(row.points, SizeIs(4));
}

TEST(Detection, RowsAreInTheOrderOfTheirNumbers) {
  std::vector<std::string> ids;
  const std::vector<RunResult> runs{clean_control("soak"), clean_control("r1-a"), clean_control("m10-a"),
                                    clean_control("m3-m4-a"), clean_control("m2-a")};
  for (const DetectionRow& row : detection_rows(runs)) ids.push_back(row.id);
  EXPECT_THAT(ids, ElementsAre("M2", "M3, M4", "M10", "R1", "soak"));
}

std::vector<RunResult> ten_runs(std::size_t missed) {
  std::vector<RunResult> runs(10 - missed, found_defect("m1-a", {"hang"}, 5));
  runs.resize(10, missed_defect("m1-a", "hang"));
  return runs;
}

TEST(Detection, NineOfTenRunsWithTheDefectAreEnough) {
  EXPECT_TRUE(only_row(ten_runs(0)).is_as_expected());
  EXPECT_TRUE(only_row(ten_runs(1)).is_as_expected());
  EXPECT_FALSE(only_row(ten_runs(2)).is_as_expected());
}

TEST(Detection, NineOfTenControlsAreNot) {
  std::vector<RunResult> runs(10, clean_control("m1-a"));
  EXPECT_TRUE(only_row(runs).is_as_expected());
  runs[3].verdict = Verdict::kInconclusive;
  runs[3].expected = false;
  const DetectionRow row = only_row(runs);
  EXPECT_FALSE(row.is_as_expected());
  EXPECT_EQ(row.points[0].otherwise.at("inconclusive"), 1u);
}

TEST(Detection, ARunThatWasTriedAgainWasNotFound) {
  RunResult run = found_defect("m1-a", {"hang"}, 5);
  run.attempts.push_back({Verdict::kPass, "expected fail, got pass", "runs/a"});
  const DetectionRow row = only_row({run});
  EXPECT_EQ(row.found(), (Tally{0, 1}));
  EXPECT_EQ(row.points[0].otherwise.at("flaky"), 1u);
}

TEST(Detection, WhatWasFoundInsteadIsKept) {
  RunResult run = found_defect("m1-a", {"exec-timeout"}, 5);
  run.expected = false;
  run.findings[0].id = "hang";
  EXPECT_EQ(only_row({run}).points[0].otherwise.at("fail (hang)"), 1u);
}

TEST(Detection, ASkippedRunIsNeitherFoundNorMissed) {
  RunResult run = missed_defect("m1-a", "hang");
  run.verdict = Verdict::kSkipped;
  const DetectionRow row = only_row({run});
  EXPECT_EQ(row.found(), (Tally{0, 0}));
  EXPECT_EQ(row.points[0].skipped, 1u);
  EXPECT_FALSE(row.is_as_expected());
}

TEST(Detection, RunsThatDoNotSayWhatWasExpectedAreLeftOut) {
  RunResult run = clean_control("m1-a");
  run.expects.reset();
  EXPECT_THAT(detection_rows({run}), IsEmpty());
}

// ---- time to detection

TEST(DetectionTime, EndsWithTheLastOfTheFindingsNamed) {
  const DetectionRow row = only_row({found_defect("p7-a", {"request-lost", "quiesce-undone"}, 2000)});
  bool since_fault = true;
  EXPECT_EQ(row.median_ms(since_fault), 3000);
  EXPECT_FALSE(since_fault);
}

TEST(DetectionTime, CountsTheFirstOfSeveralFindingsOfOneKind) {
  RunResult run = found_defect("m1-a", {"hang"}, 2000);
  run.findings.push_back({"hang", "another", "", 1, {}, 9000.0});
  bool since_fault = false;
  EXPECT_EQ(only_row({run}).median_ms(since_fault), 2000);
}

TEST(DetectionTime, BeginsWhenTheFaultFirstActed) {
  RunResult run = found_defect("m10-a", {"handler-died"}, 5000);
  run.faults = {{"uffd.read_error", 3, 4200}, {"host.wait", 1, 4500}, {"later", 1, 8000}, {"never", 0, std::nullopt}};
  bool since_fault = false;
  EXPECT_EQ(only_row({run}).median_ms(since_fault), 800);
  EXPECT_TRUE(since_fault);
}

TEST(DetectionTime, IsTheMedianOverTheRunsThatWereFound) {
  const DetectionRow row = only_row({found_defect("m1-a", {"hang"}, 1000), found_defect("m1-a", {"hang"}, 7000),
                                     found_defect("m1-a", {"hang"}, 2000), missed_defect("m1-a", "hang")});
  bool since_fault = false;
  EXPECT_EQ(row.median_ms(since_fault), 2000);
}

TEST(DetectionTime, IsFromTheStartWhereNotEveryRunHasAFault) {
  RunResult with_fault = found_defect("m1-a", {"hang"}, 5000);
  with_fault.faults = {{"a", 1, 4000}};
  bool since_fault = true;
  EXPECT_EQ(only_row({with_fault, found_defect("m1-a", {"hang"}, 3000)}).median_ms(since_fault), 3000);
  EXPECT_FALSE(since_fault);
}

TEST(DetectionTime, OfNothingFoundIsNothing) {
  bool since_fault = false;
  EXPECT_EQ(only_row({missed_defect("m1-a", "hang")}).median_ms(since_fault), std::nullopt);
}

// ---- the reports

CampaignResult one_catalogue() {
  CampaignResult result;
  result.tool = {{"name", "snaphammer"}, {"version", "0.1.0"}};
  result.campaign = "20260131-235959-4f1c";
  result.host = {{"cpu", "Example CPU"},
                 {"cpus", 2},
                 {"memory_bytes", std::uint64_t{16} << 30},
                 {"kernel", "6.18"},
                 {"qemu", "7.2.22"}};
  result.started = "2026-01-31T23:59:59Z";
  result.seconds = 900.4;
  result.notes = {{"commit", "1a2b3c"}};
  RunResult with_fault = found_defect("m10-read-error", {"handler-died"}, 5000);
  with_fault.faults = {{"uffd.read_error", 3, 4200}};
  RunResult missed = missed_defect("r3-output-silent", "connection-lost");
  RunResult skipped = clean_control("r3-output-silent");
  skipped.verdict = Verdict::kSkipped;
  skipped.expected = false;
  RunResult of_an_older_build = clean_control("m1-remove-ignored");
  of_an_older_build.expects.reset();
  result.runs = {with_fault,
                 clean_control("m10-read-error"),
                 found_defect("m2-remove-stops-server", {"hang"}, 31234),
                 clean_control("m2-remove-stops-server"),
                 clean_control("p5-pause-and-destroy"),
                 missed,
                 skipped,
                 of_an_older_build};
  return result;
}

std::string rendered(const std::string& format, const CampaignResult& campaign) {
  const auto found = std::ranges::find(report_formats(), format, &ReportFormat::name);
  return found == report_formats().end() ? "no such format" : found->render(campaign);
}

TEST(DetectionReport, ForPeople) { expect_golden("detection.md", rendered("detection", one_catalogue())); }
TEST(DetectionReport, ForPrograms) { expect_golden("detection.json", rendered("detection-json", one_catalogue())); }

TEST(DetectionReport, OfNothingIsNotAsExpected) {
  CampaignResult empty = one_catalogue();
  empty.runs.clear();
  EXPECT_THAT(rendered("detection", empty), HasSubstr("0 of 0 rows as expected"));
  EXPECT_FALSE(nlohmann::json::parse(rendered("detection-json", empty)).at("as_expected").get<bool>());
}

}  // namespace
}  // namespace snaphammer::report
