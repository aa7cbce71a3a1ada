#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/report/campaign.h"
#include "harness/report/reporter.h"
#include "harness/report/statistics.h"
#include "harness/report/summary_table.h"
#include "harness/report/testing/golden.h"
#include "lib/base/testing/temporary_directory.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

RunResult passed(std::string scenario, std::uint64_t seed) {
  RunResult run;
  run.id = scenario + ".s" + std::to_string(seed);
  run.scenario = std::move(scenario);
  run.seed = seed;
  run.verdict = Verdict::kPass;
  run.expected = true;
  run.seconds = 1.5;
  run.accel = "tcg";
  run.guest_kernel = "6.1.0-32-cloud-amd64";
  run.artifacts = "runs/" + run.id;
  run.reproduce = "snaphammer replay out/" + run.id;
  return run;
}

/// Everything that a run can have, with text that formats must escape.
RunResult failed() {
  RunResult run = passed("stale-pages", 7);
  run.id = "stale-pages.on_remove=ignore.s7";
  run.point = {{"runtime.uffd.on_remove", "ignore"}, {"a.before.in.the.alphabet", 3}};
  run.verdict = Verdict::kFail;
  run.expected = false;
  run.message = "expected pass, got fail (stale-page)";
  Finding finding;
  finding.id = "stale-page";
  finding.oracle = "zero-pages zp";
  finding.message = "page <0x7f> | \"old\" & # bytes\nsecond line";
  finding.count = 28461;
  finding.evidence = {{"address", "0x7f0000"}};
  run.findings.push_back(finding);
  run.faults.push_back({"uffd.remove", 3, 12.5});
  run.faults.push_back({"uffd.delay", 0, std::nullopt});
  RestoreReport restore;
  restore.from = "s1";
  restore.to_healthy_ms = 312.4;
  restore.phases_ms = {{"spawn", 72}, {"load", 12}, {"agent", 200.4}};
  restore.uffd = {{"faults", 10}};
  run.restores.push_back(restore);
  PauseReport pause;
  pause.snapshot = "s1";
  pause.type = "full";
  pause.downtime_ms = 20;
  pause.phases_ms = {{"refuse", 0.1}, {"drain", 5}};
  pause.bytes = 92 << 20;
  run.pauses.push_back(pause);
  run.freezes.push_back({.at = "__alloc_pages",
                         .in = "kernel",
                         .address = 0xffffffff812e88a0,
                         .hits = 100,
                         .steps = 3,
                         .after_ms = 12.5,
                         .vcpu = 1,
                         .vcpus = {{{"place", "__alloc_pages+0x5"},
                                    {"registers", {{"rip", "0xffffffff812e88a5"}}},
                                    {"stack", {"handle_mm_fault+0x12"}}}}});
  return run;
}

RunResult ended(std::string scenario, Verdict verdict, std::string message) {
  RunResult run = passed(std::move(scenario), 1);
  run.verdict = verdict;
  run.expected = false;
  run.message = std::move(message);
  return run;
}

CampaignResult campaign() {
  CampaignResult result;
  result.tool = {{"name", "snaphammer"}, {"version", "0.1.0"}};
  result.campaign = "20260131-235959-4f1c";
  result.host = {{"kernel", "6.18"}};
  result.started = "2026-01-31T23:59:59Z";
  result.seconds = 12.25;
  result.runs = {passed("restore-healthy", 1), failed(), ended("hung", Verdict::kInconclusive, "QEMU is missing"),
                 ended("broken", Verdict::kError, "worker died: signal 11"),
                 ended("other", Verdict::kSkipped, "needs diff-snapshots")};
  return result;
}

// ---- statistics

TEST(Statistics, APercentileIsASample) {
  const std::vector<double> samples{5, 1, 4, 2, 3};
  EXPECT_EQ(percentile(samples, 50), 3);
  EXPECT_EQ(percentile(samples, 0), 1);
  EXPECT_EQ(percentile(samples, 20), 1);
  EXPECT_EQ(percentile(samples, 21), 2);
  EXPECT_EQ(percentile(samples, 99), 5);
  EXPECT_EQ(percentile(samples, 100), 5);
  EXPECT_EQ(percentile(std::vector<double>{1, 2}, 50), 1);
}

TEST(Statistics, MeanAndMaximum) {
  EXPECT_EQ(mean(std::vector<double>{1, 2, 6}), 3);
  EXPECT_EQ(maximum(std::vector<double>{1, 6, 2}), 6);
  EXPECT_EQ(maximum(std::vector<double>{-3, -1}), -1);
}

TEST(Statistics, WilsonsIntervalIsWideForFewTrials) {
  EXPECT_NEAR(wilson(0, 12).high, 0.2425, 0.0001);
  EXPECT_EQ(wilson(0, 12).low, 0);
  EXPECT_NEAR(wilson(11, 12).low, 0.6461, 0.0001);
  EXPECT_NEAR(wilson(11, 12).high, 0.9851, 0.0001);
  EXPECT_NEAR(wilson(50, 100).low, 0.4038, 0.0001);
  EXPECT_EQ(wilson(1, 1).high, 1);
  EXPECT_EQ(wilson(0, 0).high - wilson(0, 0).low, 1);
}

TEST(Statistics, OfNothingAreZero) {
  EXPECT_EQ(percentile({}, 50), 0);
  EXPECT_EQ(mean({}), 0);
  EXPECT_EQ(maximum({}), 0);
}

// ---- results.json

TEST(Results, ARunComesBackFromItsJson) {
  const RunResult run = failed();
  const Result<RunResult> again = run_result_from_json(ordered_json::parse(to_json(run).dump()));
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_EQ(to_json(*again).dump(), to_json(run).dump());
  EXPECT_EQ(again->point, run.point);
  EXPECT_EQ(again->restores[0].phases_ms, run.restores[0].phases_ms);
  EXPECT_EQ(again->faults[1].first_at_ms, std::nullopt);
  EXPECT_EQ(again->findings[0].count, 28461u);
}

TEST(Results, TheKeysAreThoseOfTheContractInItsOrder) {
  const auto keys = [](const ordered_json& object) {
    std::vector<std::string> names;
    for (const auto& [name, value] : object.items()) names.push_back(name);
    return names;
  };
  const ordered_json whole = to_json(campaign());
  EXPECT_THAT(keys(whole), ElementsAre("schema", "tool", "campaign", "host", "started", "seconds", "summary", "runs"));
  EXPECT_THAT(keys(whole["summary"]), ElementsAre("total", "as_expected", "unexpected", "inconclusive", "error",
                                                  "skipped", "flaky", "known", "unfinished"));
  const ordered_json& run = whole["runs"][1];
  EXPECT_THAT(keys(run), ElementsAre("id", "scenario", "point", "seed", "verdict", "expected", "message", "findings",
                                     "faults", "restores", "pauses", "freezes", "accel", "accel_reason", "guest_kernel",
                                     "seconds", "artifacts", "reproduce"));
  EXPECT_THAT(keys(run["point"]), ElementsAre("runtime.uffd.on_remove", "a.before.in.the.alphabet"));
  EXPECT_THAT(keys(run["findings"][0]), ElementsAre("id", "oracle", "message", "count", "evidence"));
  EXPECT_THAT(keys(run["faults"][0]), ElementsAre("name", "acted", "first_at_ms"));
  EXPECT_THAT(keys(run["restores"][0]), ElementsAre("from", "guest", "to_healthy_ms", "phases_ms", "uffd"));
  EXPECT_THAT(keys(run["pauses"][0]), ElementsAre("snapshot", "type", "downtime_ms", "phases_ms", "bytes"));
  EXPECT_THAT(keys(run["freezes"][0]),
              ElementsAre("at", "in", "address", "hits", "elsewhere", "steps", "after_ms", "vcpu", "vcpus"));
}

TEST(Results, ARestoreThatNobodySawHealthyHasNoTime) {
  RunResult run = failed();
  run.restores.at(0).to_healthy_ms.reset();
  const ordered_json written = to_json(run);
  EXPECT_TRUE(written["restores"][0]["to_healthy_ms"].is_null());
  EXPECT_EQ(to_json(run_result_from_json(written).value()), written);
  CampaignResult campaign;
  campaign.runs = {run};
  EXPECT_THAT(render_markdown(campaign), Not(HasSubstr(" ms |")));
}

TEST(Results, EveryKeyIsRequiredAndTyped) {
  const ordered_json good = to_json(failed());
  for (const auto& [key, value] : good.items()) {
    ordered_json without = good;
    without.erase(key);
    EXPECT_FALSE(run_result_from_json(without)) << key;
    ordered_json wrong = good;
    wrong[key] = ordered_json::array({1});
    EXPECT_FALSE(run_result_from_json(wrong)) << key;
  }
  ordered_json odd = good;
  odd["verdict"] = "passed";
  EXPECT_EQ(run_result_from_json(odd).error().message(), "run 'verdict' is unknown");
  odd = good;
  odd["restores"][0]["phases_ms"]["load"] = "fast";
  EXPECT_EQ(run_result_from_json(odd).error().message(), "run: restores 0 'phases_ms' has a value that is no number");
  EXPECT_FALSE(run_result_from_json(ordered_json::array()));
}

TEST(Results, BytesOfAGuestThatAreNoTextAreReplaced) {
  RunResult run = failed();
  run.findings[0].message = "bytes \xff\xfe";
  run.findings[0].evidence = {{"read", "\xff"}};
  run.message = "\x80";
  const std::string dumped = to_json(run).dump();
  EXPECT_THAT(dumped, HasSubstr("bytes \xEF\xBF\xBD\xEF\xBF\xBD"));
  EXPECT_TRUE(run_result_from_json(ordered_json::parse(dumped)));
}

TEST(Results, ACampaignComesBackFromItsJson) {
  const ordered_json written = to_json(campaign());
  const auto again = campaign_result_from_json(ordered_json::parse(written.dump()));
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_EQ(to_json(*again).dump(), written.dump());
}

RunResult judged() {
  RunResult run = failed();
  run.expects = Expects{Verdict::kFail, {"stale-page"}};
  run.findings[0].at_ms = 1200.5;
  run.cpu = CpuTime{.harness_ms = 30.5, .vmm_ms = 900};
  run.exec_stress = {{.parallel = 10, .slowest_ms = 84.5, .single_ms = 14.25},
                     {.parallel = 1, .slowest_ms = 16, .single_ms = std::nullopt}};
  return run;
}

TEST(Results, WhatNotEveryRunHasComesBackFromJson) {
  const auto again = run_result_from_json(ordered_json::parse(to_json(judged()).dump()));
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_EQ(again->expects->verdict, Verdict::kFail);
  EXPECT_THAT(again->expects->findings, ElementsAre("stale-page"));
  EXPECT_EQ(again->findings[0].at_ms, 1200.5);
  EXPECT_EQ(again->cpu->harness_ms, 30.5);
  EXPECT_EQ(again->cpu->vmm_ms, 900);
  ASSERT_EQ(again->exec_stress.size(), 2u);
  EXPECT_EQ(again->exec_stress[0].parallel, 10u);
  EXPECT_EQ(again->exec_stress[0].slowest_ms, 84.5);
  EXPECT_EQ(again->exec_stress[0].single_ms, 14.25);
  EXPECT_FALSE(again->exec_stress[1].single_ms);
}

TEST(Results, AnExpectationThatCannotBeReadIsNamed) {
  ordered_json odd = to_json(judged());
  odd["expects"]["findings"] = {1};
  EXPECT_EQ(run_result_from_json(odd).error().message(),
            "run 'expects' cannot be read: expects 'findings' is no list of texts");
}

TEST(Results, ProcessorTimeThatCannotBeReadIsNamed) {
  ordered_json odd = to_json(judged());
  odd["cpu_ms"].erase("vmm");
  EXPECT_EQ(run_result_from_json(odd).error().message(), "run 'cpu_ms' cannot be read: cpu_ms 'vmm' is missing");
}

TEST(Results, NotesComeBackFromJson) {
  CampaignResult noted = campaign();
  noted.notes = {{"commit", "1a2b3c"}};
  ordered_json written = to_json(noted);
  EXPECT_EQ(campaign_result_from_json(written)->notes, noted.notes);
  written["notes"]["commit"] = 1;
  EXPECT_EQ(campaign_result_from_json(written).error().message(), "results: note 'commit' is no text");
}

TEST(Results, AnotherSchemaIsRefused) {
  ordered_json written = to_json(campaign());
  written["schema"] = 2;
  EXPECT_EQ(campaign_result_from_json(written).error().message(), "results: schema 2, this build reads 1");
  EXPECT_FALSE(campaign_result_from_json(ordered_json::parse(R"({"schema": 1, "runs": {}})")));
}

TEST(Results, TheSummaryCountsEachRunOnce) {
  Summary summary = summarize(campaign().runs);
  EXPECT_EQ(summary, (Summary{5, 1, 1, 1, 1, 1, 0, 0}));
  RunResult inverted = failed();
  inverted.expected = true;
  EXPECT_EQ(summarize({inverted}).as_expected, 1u);
}

RunResult known_failure() {
  RunResult run = failed();
  run.known = "the server forgets removes (https://example.org/12)";
  return run;
}
RunResult flaky() {
  RunResult run = passed("sometimes", 3);
  run.attempts = {{Verdict::kFail, "expected pass, got fail (hang)", "runs/sometimes.s3"}};
  return run;
}

TEST(Results, AKnownFailureIsCountedAsThatAlone) {
  EXPECT_EQ(summarize({known_failure()}), (Summary{1, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_FALSE(known_failure().is_surprise());
}

TEST(Results, AFlakyRunIsCountedByItsVerdictToo) { EXPECT_EQ(summarize({flaky()}), (Summary{1, 1, 0, 0, 0, 0, 1, 0})); }

TEST(Results, WhatIsKnownAndWhatWasTriedBeforeComeBackFromJson) {
  for (const RunResult& run : {known_failure(), flaky()}) {
    const auto again = run_result_from_json(to_json(run));
    ASSERT_TRUE(again) << again.error().describe();
    EXPECT_EQ(to_json(*again), to_json(run));
  }
}

TEST(Reports, AKnownFailureFailsNothingAndIsShown) {
  CampaignResult known = campaign();
  known.runs = {known_failure()};
  EXPECT_THAT(render_tap(known), HasSubstr("not ok 1 - stale-pages.on_remove=ignore.s7 # TODO the server forgets"));
  EXPECT_THAT(render_junit(known), HasSubstr("<skipped message=\"known: the server forgets"));
  EXPECT_THAT(render_junit(known),
              AllOf(HasSubstr("failures=\"0\" errors=\"0\""), HasSubstr("skipped=\"1\""), Not(HasSubstr("<failure"))));
  EXPECT_THAT(render_markdown(known), HasSubstr("| fail (known) |"));
  EXPECT_THAT(render_markdown(known), HasSubstr("is a known failure: the server forgets"));
}

TEST(Reports, GitHubGetsAnAnnotationForWhatSomebodyMustLookAt) {
  CampaignResult mixed = campaign();
  mixed.runs = {passed("fine", 1), failed(), known_failure(), flaky()};
  const std::string text = render_github(mixed);
  EXPECT_THAT(text,
              HasSubstr("::error title=stale-pages.on_remove=ignore.s7::expected pass, got fail (stale-page)%0A"));
  EXPECT_THAT(text, HasSubstr("%0Aagain: snaphammer replay "));
  EXPECT_THAT(text, HasSubstr("::notice title=stale-pages.on_remove=ignore.s7::known failure: the server forgets"));
  EXPECT_THAT(text, HasSubstr("::warning title=sometimes.s3::flaky: expected pass, got fail (hang)\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST(Reports, OfACampaignThatWasStoppedLookLikeOne) {
  CampaignResult stopped = campaign();
  stopped.runs = {passed("fine", 1), passed("fine", 2)};
  stopped.unfinished = 3;
  const std::string missing = "3 of 5 planned runs have no result";
  EXPECT_THAT(render_tap(stopped), AllOf(HasSubstr("1..5\n"), HasSubstr("Bail out! " + missing)));
  EXPECT_THAT(render_markdown(stopped),
              AllOf(HasSubstr("2 of 5 runs as expected"), HasSubstr("**Incomplete**: " + missing)));
  EXPECT_THAT(render_junit(stopped), AllOf(HasSubstr("tests=\"3\" failures=\"0\" errors=\"1\""),
                                           HasSubstr("<error type=\"incomplete\" message=\"" + missing + "\"/>")));
  EXPECT_EQ(render_github(stopped), "::error title=incomplete campaign::" + missing + "\n");
  EXPECT_THAT(summary_line(stopped), HasSubstr("2 of 5 runs in 12.2 s: 2 as expected"));
  EXPECT_EQ(to_json(stopped)["summary"]["unfinished"], 3);

  stopped.unfinished = 0;
  EXPECT_THAT(render_tap(stopped), AllOf(HasSubstr("1..2\n"), Not(HasSubstr("Bail out"))));
  EXPECT_THAT(render_markdown(stopped), Not(HasSubstr("Incomplete")));
  EXPECT_THAT(render_junit(stopped), HasSubstr("tests=\"2\" failures=\"0\" errors=\"0\""));
  EXPECT_EQ(render_github(stopped), "");
}

TEST(Results, HowManyRunsAreMissingComesBackFromJson) {
  CampaignResult stopped = campaign();
  stopped.unfinished = 3;
  ordered_json written = to_json(stopped);
  EXPECT_EQ(campaign_result_from_json(written)->unfinished, 3u);
  written["summary"]["unfinished"] = "three";
  EXPECT_EQ(campaign_result_from_json(written).error().message(),
            "results 'summary' cannot be read: summary 'unfinished' is not a whole number");
  written["summary"].erase("unfinished");  // As older builds wrote it.
  EXPECT_EQ(campaign_result_from_json(written)->unfinished, 0u);
}

TEST(Reports, AFlakyRunIsCalledThatAndSaysHowItFailed) {
  CampaignResult once = campaign();
  once.runs = {flaky()};
  EXPECT_THAT(render_junit(once), HasSubstr("name=\"flaky\" value=\"expected pass, got fail (hang)\""));
  EXPECT_THAT(render_markdown(once), HasSubstr("| flaky |"));
  EXPECT_THAT(render_markdown(once), HasSubstr("artifacts: runs/sometimes.s3"));
  EXPECT_THAT(summary_table(once.runs, 100), HasSubstr("flaky 1"));
}

// ---- the table

TEST(SummaryTable, HasALinePerScenarioAndPoint) {
  std::vector<RunResult> runs{passed("restore-healthy", 1), failed(), passed("restore-healthy", 2)};
  runs[0].restores.push_back({"s1", "guest", 100, {}, {}});
  runs[2].restores.push_back({"s1", "guest", 300, {}, {}});
  runs[1].point.resize(1);
  EXPECT_EQ(summary_table(runs, 200),
            "SCENARIO         POINT             RUNS  EXPECTED  VERDICTS  FINDINGS      RESTORE P50     MAX\n"
            "restore-healthy  -                    2         2  pass 2    -                  100 ms  300 ms\n"
            "stale-pages      on_remove=ignore     1         0  fail 1    stale-page 1       312 ms  312 ms\n");
}

TEST(SummaryTable, FitsANarrowTerminal) {
  std::vector<RunResult> runs{failed()};
  runs[0].point[0].second = std::string(200, 'x');
  runs[0].scenario = std::string(80, 's');
  std::istringstream lines(summary_table(runs, 80));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST(PointLabel, UsesTheLastNamesThatTellPathsApart) {
  EXPECT_EQ(point_label({}), "");
  EXPECT_EQ(point_label({{"vm.memory", "1GiB"}, {"timeout", 5}}), "memory=1GiB,timeout=5");
  EXPECT_EQ(point_label({{"a.b.x", 1}, {"c.b.x", 2}}), "a.b.x=1,c.b.x=2");
  EXPECT_EQ(point_label({{"x", 1}, {"a.x", 2}}), "x=1,a.x=2");
}

// ---- reports, against approved output

TEST(Golden, Junit) { expect_golden("campaign.junit.xml", render_junit(campaign())); }
TEST(Golden, Tap) { expect_golden("campaign.tap", render_tap(campaign())); }
TEST(Golden, Markdown) { expect_golden("campaign.md", render_markdown(campaign())); }
TEST(Golden, Json) { expect_golden("campaign.json", render_json(campaign())); }

TEST(Junit, IsWellFormedWhateverAGuestSays) {
  CampaignResult hostile = campaign();
  hostile.runs[1].message = "]]> <x> & \" ' \x01 \x1b[31m";
  const fs::path file = fs::temp_directory_path() / ("junit-" + std::to_string(::getpid()) + ".xml");
  std::ofstream(file) << render_junit(hostile);
  const std::string command =
      "/usr/bin/python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' " + file.string();
  EXPECT_EQ(std::system(command.c_str()), 0);
  fs::remove(file);
}

TEST(Junit, IsWhatStrictReadersTake) {
  if (std::system("xmllint --version 2>/dev/null") != 0) GTEST_SKIP() << "no xmllint";
  CampaignResult all = campaign();
  for (const RunResult& run : {known_failure(), flaky(), judged()}) all.runs.push_back(run);
  const fs::path file = fs::temp_directory_path() / ("junit-" + std::to_string(::getpid()) + ".xml");
  const std::string check = "xmllint --noout --schema " TESTDATA "/junit.xsd " + file.string();
  std::ofstream(file) << render_junit(all);
  EXPECT_EQ(std::system(check.c_str()), 0);
  all.unfinished = 2;
  for (const CampaignResult& other : {all, CampaignResult()}) {
    std::ofstream(file) << render_junit(other);
    EXPECT_EQ(std::system(check.c_str()), 0);
  }
  fs::remove(file);
}

TEST(ResultsSchema, AcceptsResultsAndNothingElse) {
  if (std::system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null") != 0) GTEST_SKIP() << "no python3-jsonschema";
  const fs::path directory = fs::temp_directory_path() / ("results-schema-" + std::to_string(::getpid()));
  fs::create_directories(directory);
  std::ofstream(directory / "schema.json") << results_schema().dump();
  const auto is_valid = [&](const ordered_json& results) {
    std::ofstream(directory / "results.json") << results.dump();
    const std::string command =
        "/usr/bin/python3 -c 'import sys, json, jsonschema as j; s = json.load(open(sys.argv[1])); "
        "j.Draft202012Validator.check_schema(s); j.Draft202012Validator(s).validate(json.load(open(sys.argv[2])))' " +
        (directory / "schema.json").string() + " " + (directory / "results.json").string() + " 2>/dev/null";
    return std::system(command.c_str()) == 0;
  };
  const ordered_json good = to_json(campaign());
  EXPECT_TRUE(is_valid(good));
  CampaignResult with_all_there_is = campaign();
  with_all_there_is.runs.push_back(judged());
  with_all_there_is.notes = {{"commit", "1a2b3c"}};
  EXPECT_TRUE(is_valid(to_json(with_all_there_is)));
  ordered_json bad = good;
  bad["runs"][0]["verdict"] = "passed";
  EXPECT_FALSE(is_valid(bad));
  bad = good;
  bad["runs"][0].erase("seed");
  EXPECT_FALSE(is_valid(bad));
  fs::remove_all(directory);
}

// ---- reporters

class Reporters : public ::testing::Test {
 protected:
  std::string read(const char* name) {
    std::stringstream text;
    text << std::ifstream(directory_ / name).rdbuf();
    return text.str();
  }
  TemporaryDirectory directory_;
};

TEST_F(Reporters, SeveralWriteTheirFilesWhenTheCampaignEnds) {
  auto reporters =
      make_reporters("tap=" + (directory_ / "a.tap").string() + ",json=" + (directory_ / "b.json").string());
  ASSERT_TRUE(reporters) << reporters.error().describe();
  ASSERT_EQ(reporters->size(), 2u);
  for (const auto& reporter : *reporters) ASSERT_TRUE(reporter->campaign_ended(campaign()));
  EXPECT_EQ(read("a.tap"), render_tap(campaign()));
  EXPECT_EQ(read("b.json"), render_json(campaign()));
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 2);
}

TEST_F(Reporters, AFifoOrALinkIsWrittenToAndStaysOne) {
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  const UniqueFd reader(::open((directory_ / "fifo").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader);
  std::ofstream(directory_ / "file") << "old";
  fs::create_symlink(directory_ / "file", directory_ / "link");
  fs::create_symlink(directory_ / "new", directory_ / "ahead");
  auto reporters = make_reporters("tap=" + (directory_ / "fifo").string() + ",json=" + (directory_ / "link").string() +
                                  ",markdown=" + (directory_ / "ahead").string());
  ASSERT_TRUE(reporters) << reporters.error().describe();
  for (const auto& reporter : *reporters) ASSERT_TRUE(reporter->campaign_ended(campaign()));
  std::string piped(65536, '\0');
  piped.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(reader.get(), piped.data(), piped.size()))));
  EXPECT_EQ(piped, render_tap(campaign()));
  EXPECT_TRUE(fs::is_fifo(directory_ / "fifo"));
  EXPECT_TRUE(fs::is_symlink(directory_ / "link"));
  EXPECT_EQ(read("file"), render_json(campaign()));
  EXPECT_TRUE(fs::is_symlink(directory_ / "ahead"));
  EXPECT_EQ(read("new"), render_markdown(campaign()));
}

TEST_F(Reporters, WhatCannotBeWrittenIsAnErrorBeforeTheCampaign) {
  const auto error_of = [](const std::string& spec) { return make_reporters(spec).error(); };
  const Error missing = error_of("tap=" + (directory_ / "none" / "a.tap").string());
  EXPECT_EQ(missing.kind(), ErrorKind::kInvalid);
  EXPECT_EQ(missing.describe(), "--report: cannot write " + (directory_ / "none" / "a.tap").string() + ": " +
                                    (directory_ / "none").string() +
                                    " is no directory; name a file in a directory that is there and can be written");
  EXPECT_THAT(error_of("tap=" + directory_.path().string()).message(), HasSubstr("it is a directory"));
  EXPECT_THAT(error_of("tap=" + (directory_ / "a").string() + ",json=" + (directory_ / "a").string()).message(),
              HasSubstr("is named twice"));
  EXPECT_TRUE(make_reporters("tap=-,json=/dev/null,markdown=/dev/null"));
}

TEST_F(Reporters, WhatCannotBeWrittenAnyMoreIsAnErrorAndLeavesNothing) {
  fs::create_directory(directory_ / "gone");
  const auto reporters = make_reporters("tap=" + (directory_ / "gone" / "a.tap").string());
  fs::remove(directory_ / "gone");
  const Result<void> written = reporters->front()->campaign_ended(campaign());
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message(), HasSubstr("gone/a.tap"));

  const auto too_large = make_reporters("tap=" + (directory_ / "b.tap").string());
  // As a disk that is full: writing fails midway.
  const rlimit small{16, RLIM_INFINITY};
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Result<void> cut_off = too_large->front()->campaign_ended(campaign());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_FALSE(cut_off);
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST(ReporterSpec, SaysWhatIsWrong) {
  EXPECT_EQ(make_reporters("junitt=x").error().describe(),
            "--report: unknown format 'junitt'; the formats are attribution, detection, detection-json, github, json, "
            "junit, markdown, tap; write it as junit=out.xml");
  EXPECT_EQ(make_reporters("tap=").error().describe(),
            "--report: no file for 'tap'; write it as tap=FILE; - is standard output");
  EXPECT_FALSE(make_reporters("tap=a,json"));
  EXPECT_TRUE(make_reporters("")->empty());
}

}  // namespace
}  // namespace snaphammer::report
