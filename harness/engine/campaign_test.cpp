#include "harness/engine/campaign.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <unistd.h>

#include "harness/engine/journal.h"
#include "harness/engine/process_list.h"
#include "harness/engine/testing/scripted_run.h"
#include "lib/base/failpoint.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using report::Verdict;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// Campaigns of scripted runs, in this process, with real worker processes.
class CampaignTest : public testing::Test, public CampaignListener {
 protected:
  CampaignTest() {
    settings_ = {.id = "test-" + std::to_string(::getpid()),
                 .version = "0",
                 .directory = directory_ / "out",
                 .runtime_base = directory_.path(),
                 .caches = {directory_ / "cache"},
                 .installation = {},
                 .worker = {.command = {SCRIPTED_WORKER}}};
  }
  ~CampaignTest() override {
    const auto of_campaign = [&](const Process& process) { return process.has(kCampaignVariable, settings_.id); };
    EXPECT_THAT(processes_where(of_campaign), IsEmpty()) << "a process is left";
    EXPECT_FALSE(fs::exists(directory_ / settings_.id)) << "the runtime directory is left";
  }

  void add_run(const std::string& name, const std::vector<std::string>& acts, const std::string& more = "seed: 1\n") {
    const scenario::Loaded loaded = scenario::load_text(name + ".yaml", scripted_scenario(name, acts, more));
    ASSERT_TRUE(loaded.scenario) << scenario::format(loaded.diagnostics);
    for (scenario::RunPlan& run : scenario::plan(*loaded.scenario, {.seed = {}, .repeat = {}}).runs) {
      plans_.push_back(std::move(run));
    }
  }
  CampaignEnd run() { return run_campaign(std::move(plans_), settings_, *this).value(); }
  report::RunResult run_one(const std::vector<std::string>& acts, const std::string& more = "seed: 1\n") {
    add_run("one", acts, more);
    const CampaignEnd end = run();
    EXPECT_THAT(end.results.runs, SizeIs(1));
    return end.results.runs.at(0);
  }
  nlohmann::json stored_results() { return nlohmann::json::parse(std::ifstream(settings_.directory / "results.json")); }

  void run_began(unsigned, const scenario::RunPlan& plan) override { heard_.push_back("began " + plan.id); }
  void run_phase(unsigned, std::string_view phase) override {
    heard_.push_back("phase " + std::string(phase));
    if (phase == stop_at_ && !stopped_) {
      stopped_ = true;
      ::raise(SIGINT);
    }
  }
  void run_found(unsigned, std::string_view finding) override { heard_.push_back("found " + std::string(finding)); }
  void second_passed() override {}
  void run_ended(unsigned, const report::RunResult& result) override {
    heard_.push_back("ended " + result.id);
    if (on_end_) on_end_();
  }
  void stopping(bool at_once) override {
    heard_.push_back(at_once ? "stopping at once" : "stopping");
    if (impatient_ && !at_once) ::raise(SIGTERM);
  }

  TemporaryDirectory directory_;
  CampaignSettings settings_;
  std::vector<scenario::RunPlan> plans_;
  std::vector<std::string> heard_;
  std::function<void()> on_end_;
  std::string stop_at_;
  bool stopped_ = false;
  bool impatient_ = false;
};

TEST_F(CampaignTest, ARunThatPassesIsAsExpected) {
  const report::RunResult result = run_one({"pass"});
  EXPECT_EQ(result.verdict, Verdict::kPass) << result.message;
  EXPECT_TRUE(result.expected);
  EXPECT_EQ(result.scenario, "one");
  EXPECT_EQ(result.seed, 1u);
  EXPECT_EQ(result.guest_kernel, "none");
  EXPECT_GT(result.seconds, 0);
  EXPECT_EQ(result.artifacts, "runs/" + result.id);
  EXPECT_EQ(result.reproduce, "snaphammer replay " + (settings_.directory / result.artifacts).string());
  EXPECT_TRUE(fs::exists(settings_.directory / result.artifacts / "plan.json"));
  EXPECT_TRUE(fs::exists(settings_.directory / result.artifacts / "worker.log"));
}

TEST_F(CampaignTest, ProcessorTimeIsToldOfTheHarnessAndOfWhatItRan) {
  const report::RunResult alone = run_one({"pass"});
  ASSERT_TRUE(alone.cpu);
  EXPECT_GT(alone.cpu->harness_ms, 0);
  EXPECT_EQ(alone.cpu->vmm_ms, 0);
}

TEST_F(CampaignTest, ProcessorTimeOfAChildIsNotTheHarnesss) {
  const report::RunResult result = run_one({"burn"});
  ASSERT_TRUE(result.cpu);
  EXPECT_GE(result.cpu->vmm_ms, 50);
  EXPECT_LT(result.cpu->harness_ms, 50);
}

TEST_F(CampaignTest, AWorkerThatDiesTellsNoProcessorTime) { EXPECT_FALSE(run_one({"exit"}).cpu); }

TEST_F(CampaignTest, AFindingFailsARunAndKeepsItsEvidence) {
  const report::RunResult result = run_one({"fail"});
  EXPECT_EQ(result.verdict, Verdict::kFail);
  EXPECT_FALSE(result.expected);
  EXPECT_EQ(result.message, "stale-page: as told");
  ASSERT_THAT(result.findings, SizeIs(1));
  EXPECT_EQ(result.findings[0].count, 3u);
  EXPECT_EQ(result.findings[0].evidence.at("address"), 4096);
}

TEST_F(CampaignTest, AnExpectedFailureIsAsExpected) {
  const report::RunResult result =
      run_one({"fail"}, "seed: 1\nexpect:\n  - verdict: fail\n    findings: [stale-page]\n");
  EXPECT_EQ(result.verdict, Verdict::kFail);
  EXPECT_TRUE(result.expected);
}

TEST_F(CampaignTest, AFailureOtherThanTheExpectedOneSaysWhatWasExpected) {
  const report::RunResult result = run_one({"fail"}, "seed: 1\nexpect:\n  - verdict: fail\n    findings: [hang]\n");
  EXPECT_FALSE(result.expected);
  EXPECT_EQ(result.message, "stale-page: as told; expected fail (hang), got fail (stale-page)");
}

TEST_F(CampaignTest, AnUnfitHostMakesARunInconclusive) {
  const report::RunResult result = run_one({"unfit"});
  EXPECT_EQ(result.verdict, Verdict::kInconclusive);
  EXPECT_EQ(result.message, "this host lacks something; get it");
}

TEST_F(CampaignTest, ACrashedWorkerCostsItsRunAndSaysWhatHappened) {
  add_run("crash", {"pass", "abort"});
  add_run("after", {"pass"});
  const CampaignEnd end = run();
  const report::RunResult& crashed = end.results.runs.at(0);
  EXPECT_EQ(crashed.verdict, Verdict::kError);
  EXPECT_THAT(crashed.message, HasSubstr("the worker was killed by signal 6 (Aborted) during 'abort'"));
  EXPECT_THAT(crashed.message, HasSubstr("it last said: about to abort"));
  EXPECT_EQ(end.results.runs.at(1).verdict, Verdict::kPass);
  EXPECT_THAT(end.own_errors, IsEmpty());
}

TEST_F(CampaignTest, AWorkerThatExitsEarlyIsAnError) {
  EXPECT_THAT(run_one({"exit"}).message, HasSubstr("the worker exited with status 7 during 'exit'"));
}

TEST_F(CampaignTest, AnExceptionInARunIsAnErrorOfItsOwn) {
  const report::RunResult result = run_one({"throw"});
  EXPECT_EQ(result.verdict, Verdict::kError);
  EXPECT_THAT(result.message, HasSubstr("thrown by a script"));
}

TEST_F(CampaignTest, AResultThatCannotBeReadIsAnError) {
  const report::RunResult result = run_one({"garbage"});
  EXPECT_EQ(result.verdict, Verdict::kError);
  EXPECT_THAT(result.message, HasSubstr("result.json is not JSON"));
}

TEST_F(CampaignTest, AResultOfAnotherRunIsAnError) {
  const report::RunResult result = run_one({"wrong_run"});
  EXPECT_EQ(result.verdict, Verdict::kError);
  EXPECT_THAT(result.message, HasSubstr("result.json is of run another"));
}

TEST_F(CampaignTest, AHungWorkerIsKilledWithItsStacksKept) {
  settings_.worker.timeout_grace = 100ms;
  const report::RunResult result = run_one({"child", "hang"}, "timeout: 1s\n");
  EXPECT_EQ(result.verdict, Verdict::kError);
  EXPECT_THAT(result.message, HasSubstr("hung past the run's timeout and was killed during 'hang'"));
  const fs::path stacks = settings_.directory / result.artifacts / "hung-stacks.txt";
  const std::string text(std::istreambuf_iterator<char>(std::ifstream(stacks).rdbuf()), {});
  EXPECT_THAT(text, AllOf(HasSubstr("scripted_worker', state S, in "), HasSubstr("sleep 1000)"),
                          HasSubstr("user stacks of process")));
}

TEST_F(CampaignTest, AChildThatDiesWithItsWorkerIsNotASurvivor) {
  EXPECT_THAT(run_one({"child", "abort"}).message, Not(HasSubstr("left processes behind")));
}

TEST_F(CampaignTest, AProcessThatOutlivesItsWorkerIsKilledAndMakesTheRunAnError) {
  const report::RunResult result = run_one({"leave_child", "fail"});
  EXPECT_EQ(result.verdict, Verdict::kError);
  EXPECT_THAT(result.message, HasSubstr("left processes behind, now killed: "));
  EXPECT_THAT(result.message, HasSubstr("(sleep 1000)"));
  EXPECT_THAT(result.findings, SizeIs(1));
}

TEST_F(CampaignTest, AProcessWithoutOurMarkIsFoundToo) {
  add_run("one", {"leave_unmarked_child", "pass"});
  const CampaignEnd end = run();
  EXPECT_EQ(end.results.runs.at(0).verdict, Verdict::kPass);
  EXPECT_THAT(end.own_errors, ElementsAre(HasSubstr("(sleep 1000) behind; killed")));
  EXPECT_EQ(exit_code(end), 4);
  EXPECT_THAT(processes_where([](const Process& process) { return process.parent == ::getpid(); }), IsEmpty());
}

TEST_F(CampaignTest, AnotherRunsProcessesAreNotTouched) {
  settings_.parallel = 2;
  add_run("short", {"leave_child", "pass"});
  add_run("long", {"child", "wait"}, "timeout: 4s\n");
  settings_.worker.timeout_grace = 100ms;
  const CampaignEnd end = run();
  EXPECT_THAT(end.results.runs.at(1).message, AllOf(HasSubstr("hung past"), Not(HasSubstr("left processes"))));
}

TEST_F(CampaignTest, RunsGoInParallel) {
  // Each waits until the other has come this far.
  const std::string fifo = directory_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ASSERT_EQ(::setenv("SCRIPTED_FIFO", fifo.c_str(), 1), 0);
  settings_.parallel = 2;
  add_run("a", {"announce"});
  add_run("b", {"listen"});
  EXPECT_EQ(exit_code(run()), 0);
}

TEST_F(CampaignTest, ARunIsInTheJournalBeforeItIsReported) {
  std::vector<std::size_t> stored;
  on_end_ = [&] { stored.push_back(read_journal(settings_.directory).value().finished.size()); };
  for (const char* const name : {"a", "b", "c"}) add_run(name, {"pass"});
  run();
  EXPECT_THAT(stored, ElementsAre(1, 2, 3));
}

TEST_F(CampaignTest, ResultsAreInTheOrderOfThePlan) {
  settings_.parallel = 2;
  for (const char* const name : {"a", "b", "c"}) add_run(name, {"pass"});
  run();
  const nlohmann::json results = stored_results();
  EXPECT_EQ(results.at("campaign"), settings_.id);
  EXPECT_EQ(results.at("runs").at(2).at("scenario"), "c");
  EXPECT_EQ(results.at("summary").at("as_expected"), 3);
}

TEST_F(CampaignTest, AResumedCampaignRunsWhatItsJournalLacks) {
  stop_at_ = "wait";
  add_run("done", {"fail"});
  add_run("stopped", {"wait"}, "seed: 1\ntimeout: 1s\n");
  const auto plans = plans_;
  EXPECT_TRUE(run().interrupted);

  heard_.clear();
  plans_ = plans;
  settings_.resume = true;
  settings_.worker.timeout_grace = 100ms;
  const CampaignEnd end = run();
  EXPECT_THAT(heard_, ElementsAre("began stopped.s1", "phase wait", "ended stopped.s1"));
  ASSERT_THAT(end.results.runs, SizeIs(2));
  EXPECT_EQ(end.results.runs[0].scenario, "done");
  EXPECT_EQ(stored_results().at("runs").size(), 2u);
}

TEST_F(CampaignTest, AResumedCampaignThatFailedFastStartsNothing) {
  settings_.fail_fast = true;
  add_run("bad", {"fail"});
  add_run("never", {"pass"});
  const auto plans = plans_;
  run();
  plans_ = plans;
  settings_.resume = true;
  EXPECT_THAT(run().results.runs, SizeIs(1));
}

TEST_F(CampaignTest, ARunThatCannotBeKeptIsNotReported) {
  on_end_ = [&] {
    const Database database = Database::open(settings_.directory / "journal.sqlite", Database::Access::kWrite).value();
    EXPECT_TRUE(database.execute("DROP TABLE result"));
  };
  for (const char* const name : {"a", "b", "c"}) add_run(name, {"pass"});
  const CampaignEnd end = run();
  EXPECT_THAT(heard_, Contains("ended a.s1"));
  EXPECT_THAT(heard_, Not(Contains("ended b.s1")));
  EXPECT_THAT(heard_, Not(Contains("began c.s1")));
  EXPECT_THAT(end.own_errors, ElementsAre(HasSubstr("keep the result of b.s1")));
  EXPECT_EQ(exit_code(end), 4);
}

TEST_F(CampaignTest, RunsWaitForMemoryThatOthersTake) {
  settings_.parallel = 2;
  settings_.memory = 1;  // Whatever a run takes is more: one at a time.
  add_run("one", {"pass"});
  add_run("two", {"pass"});
  add_run("three", {"pass"});
  EXPECT_THAT(run().results.runs, SizeIs(3));
  std::erase_if(heard_, [](const std::string& what) { return what.starts_with("phase"); });
  EXPECT_THAT(heard_, ElementsAre("began one.s1", "ended one.s1", "began two.s1", "ended two.s1", "began three.s1",
                                  "ended three.s1"));
}

TEST_F(CampaignTest, RunsForWhichThereIsMemoryDoNotWait) {
  settings_.parallel = 2;
  settings_.memory = 1_GiB;
  add_run("one", {"pass"});
  add_run("two", {"pass"});
  EXPECT_THAT(run().results.runs, SizeIs(2));
  ASSERT_GE(heard_.size(), 2u);
  EXPECT_THAT(std::vector(heard_.begin(), heard_.begin() + 2), ElementsAre("began one.s1", "began two.s1"));
}

TEST_F(CampaignTest, ARunThatWaitsForMemoryIsNotBegunAfterASignal) {
  settings_.parallel = 2;
  settings_.memory = 1;
  stop_at_ = "wait";
  add_run("stopped", {"child", "wait"});
  add_run("never", {"pass"});
  const CampaignEnd end = run();
  EXPECT_TRUE(end.interrupted);
  EXPECT_THAT(end.results.runs, IsEmpty());
  EXPECT_EQ(end.results.unfinished, 2u);
  EXPECT_THAT(heard_, Not(Contains("began never.s1")));
}

TEST_F(CampaignTest, FailFastStartsNothingMore) {
  settings_.fail_fast = true;
  add_run("good", {"pass"});
  add_run("bad", {"fail"});
  add_run("never", {"pass"});
  const CampaignEnd end = run();
  EXPECT_THAT(end.results.runs, SizeIs(2));
  EXPECT_EQ(end.results.unfinished, 1u);
  EXPECT_EQ(exit_code(end), 1);
}

TEST_F(CampaignTest, ASignalStopsWorkersAndKeepsWhatHasFinished) {
  stop_at_ = "wait";
  add_run("done", {"pass"});
  add_run("stopped", {"child", "wait"});
  add_run("never", {"pass"});
  const CampaignEnd end = run();
  EXPECT_TRUE(end.interrupted);
  ASSERT_THAT(end.results.runs, SizeIs(1));
  EXPECT_EQ(end.results.runs[0].scenario, "done");
  EXPECT_EQ(stored_results().at("runs").size(), 1u);
  EXPECT_EQ(exit_code(end), 130);
  EXPECT_THAT(heard_, Contains("stopping"));
  EXPECT_THAT(heard_, Not(Contains("stopping at once")));
}

TEST_F(CampaignTest, AWorkerDeafToTheSignalIsKilledAfterItsGrace) {
  stop_at_ = "hang";
  settings_.worker.stop_grace = 200ms;
  add_run("deaf", {"child", "leave_child", "hang"});
  const CampaignEnd end = run();
  EXPECT_TRUE(end.interrupted);
  EXPECT_THAT(end.results.runs, IsEmpty());
}

TEST_F(CampaignTest, ASecondSignalKillsAtOnce) {
  stop_at_ = "hang";
  impatient_ = true;
  settings_.worker.stop_grace = 1h;
  add_run("deaf", {"hang"});
  EXPECT_EQ(exit_code(run()), 130);
  EXPECT_THAT(heard_, Contains("stopping at once"));
}

TEST_F(CampaignTest, TheListenerHearsOfEachRunInOrder) {
  run_one({"pass", "unfit"});
  EXPECT_THAT(heard_, ElementsAre(HasSubstr("began one"), "phase pass", "phase unfit", HasSubstr("ended one")));
}

TEST_F(CampaignTest, ResultsOfAnotherCampaignAreNotOverwritten) {
  run_one({"pass"});
  add_run("two", {"pass"});
  const auto again = run_campaign(std::move(plans_), settings_, *this);
  EXPECT_EQ(again.error().kind(), ErrorKind::kInvalid);
  EXPECT_THAT(again.error().advice(), HasSubstr("--out"));
}

TEST_F(CampaignTest, AMissingWorkerProgramIsTheHostsFault) {
  settings_.worker.command = {"no-such-program"};
  EXPECT_EQ(run_one({"pass"}).verdict, Verdict::kInconclusive);
}

CampaignEnd ended_with(std::vector<std::pair<Verdict, bool>> runs) {
  CampaignEnd end;
  for (const auto& [verdict, expected] : runs) {
    report::RunResult run;
    run.verdict = verdict;
    run.expected = expected;
    end.results.runs.push_back(run);
  }
  return end;
}

TEST(ExitCode, SaysTheWorstOfWhatHappened) {
  EXPECT_EQ(exit_code(ended_with({})), 0);
  EXPECT_EQ(exit_code(ended_with({{Verdict::kPass, true}, {Verdict::kFail, true}})), 0);
  EXPECT_EQ(exit_code(ended_with({{Verdict::kPass, true}, {Verdict::kSkipped, false}})), 0);
  EXPECT_EQ(exit_code(ended_with({{Verdict::kSkipped, false}})), 3);
  EXPECT_EQ(exit_code(ended_with({{Verdict::kInconclusive, false}, {Verdict::kPass, true}})), 3);
  EXPECT_EQ(exit_code(ended_with({{Verdict::kInconclusive, false}, {Verdict::kFail, false}})), 1);
  EXPECT_EQ(exit_code(ended_with({{Verdict::kError, false}, {Verdict::kFail, false}})), 4);
  CampaignEnd interrupted = ended_with({{Verdict::kFail, false}});
  interrupted.interrupted = true;
  EXPECT_EQ(exit_code(interrupted), 130);
}

TEST(CampaignId, IsNewEachTime) { EXPECT_NE(new_campaign_id(), new_campaign_id()); }

}  // namespace
}  // namespace snaphammer::engine
