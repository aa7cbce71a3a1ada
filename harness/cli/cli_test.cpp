// The program from outside: real processes, exit codes, what is printed where, and what is left.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/testing/program_fixture.h"

namespace snaphammer::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class CliTest : public ProgramFixture {};

// ---- exit codes of `run`, one for each class

TEST_F(CliTest, AllAsExpectedIs0AndEndsWithATable) {
  EXPECT_EQ(run({scenario("good", {"pass"})}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("[1/1] pass"), HasSubstr("as expected"), HasSubstr("SCENARIO"),
                           HasSubstr("1 of 1 run"), HasSubstr("results: " + (directory_ / "out").string())));
  EXPECT_EQ(err(), "");
  EXPECT_EQ(results().at("summary").at("as_expected"), 1);
  expect_nothing_left();
}

TEST_F(CliTest, AnUnexpectedRunIs1AndSaysHowToRepeatIt) {
  EXPECT_EQ(run({scenario("bad", {"fail"}), scenario("good", {"pass"})}), 1);
  EXPECT_THAT(out(),
              AllOf(HasSubstr("UNEXPECTED"), HasSubstr("stale-page x3"), HasSubstr("again: snaphammer replay /")));
}

TEST_F(CliTest, AnInvalidScenarioIs2AndStartsNothing) {
  EXPECT_EQ(run({write("typo.yaml", "version: 1\nname: typo\nsteps:\n  - act: pass\ntimeoutt: 3s\n")}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("typo.yaml:5:1"), HasSubstr("timeout")));
  EXPECT_FALSE(fs::exists(directory_ / "out"));
}

TEST_F(CliTest, AMissingScenarioIs2) {
  EXPECT_EQ(run({directory_ / "no-such.yaml"}), 2);
  EXPECT_THAT(err(), HasSubstr("no-such.yaml"));
}

TEST_F(CliTest, AnInconclusiveRunIs3) { EXPECT_EQ(run({scenario("unfit", {"unfit"})}), 3); }

TEST_F(CliTest, ASkippedRunFailsNothingAndIsSaidToBeNotRun) {
  EXPECT_EQ(run({scenario("lacking", {"skip"}), scenario("good", {"pass"})}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("skipped      not run "), HasSubstr("1 skipped")));
}

TEST_F(CliTest, ACampaignOfWhichAllIsSkippedIs3) { EXPECT_EQ(run({scenario("lacking", {"skip"})}), 3); }

TEST_F(CliTest, WorkersAreToldWhichAcceleratorTheHostHas) {
  EXPECT_EQ(run({scenario("told", {"choose_accel"})}), 0);
  EXPECT_EQ(results().at("runs").at(0).at("accel_reason"), "scripted") << "as the campaign's own look at the host says";
}

TEST_F(CliTest, ACrashedWorkerIs4) {
  EXPECT_EQ(run({scenario("crash", {"abort"})}), 4);
  EXPECT_THAT(out(), HasSubstr("was killed by signal 6"));
}

TEST_F(CliTest, ASurvivorIs4) {
  EXPECT_EQ(run({scenario("leak", {"leave_child"})}), 4);
  EXPECT_THAT(out(), HasSubstr("left processes behind"));
  expect_nothing_left();
}

TEST_F(CliTest, AnInterruptIs130AndKeepsResults) {
  scenario("a-done", {"pass"});
  scenario("b-waits", {"child", "announce", "wait"});
  pid_t worker = 0;
  ChildProcess program = start_and_await_announcement(directory_.path(), worker);
  ASSERT_TRUE(program.signal(SIGINT));
  EXPECT_EQ(wait_for_exit(program), 130);
  EXPECT_EQ(results().at("runs").size(), 1u);
  EXPECT_THAT(out(), AllOf(HasSubstr("stopping"), HasSubstr("interrupted")));
  expect_nothing_left();
}

// ---- what results say of their campaign

TEST_F(CliTest, NotesAndTheHostAreKeptWithTheResults) {
  EXPECT_EQ(snaphammer({"run", scenario("good", {"pass"}), "--out", directory_ / "out", "--note", "commit=1a2b3c",
                        "--note", "reason=a=b, and more"}),
            0)
      << err();
  EXPECT_EQ(results().at("notes"), nlohmann::json({{"commit", "1a2b3c"}, {"reason", "a=b, and more"}}));
  EXPECT_EQ(results().at("host").at("qemu"), "7.2.22");
  EXPECT_EQ(results().at("runs").at(0).at("expects").at("verdict"), "pass");
  EXPECT_EQ(snaphammer({"report", directory_ / "out", "--report", "json=-"}), 0);
  EXPECT_EQ(nlohmann::json::parse(out()).at("notes").at("commit"), "1a2b3c");
}

TEST_F(CliTest, ANoteWithoutAKeyIs2AndStartsNothing) {
  for (const char* const note : {"commit", "=1a2b3c"}) {
    EXPECT_EQ(snaphammer({"run", scenario("good", {"pass"}), "--out", directory_ / "out", "--note", note}), 2);
    EXPECT_THAT(err(), AllOf(HasSubstr("--note"), HasSubstr(note), HasSubstr("KEY=TEXT")));
    EXPECT_FALSE(fs::exists(directory_ / "out"));
  }
}

// ---- an unfit environment: 3, what is missing, what to do

TEST_F(CliTest, WithoutQemuNothingIsStarted) {
  fs::remove(directory_ / "bin/qemu-system-x86_64");
  environment_["PATH"] = directory_ / "bin";
  EXPECT_EQ(run({scenario("good", {"pass"})}), 3);
  EXPECT_THAT(err(), AllOf(HasSubstr("QEMU"), HasSubstr("to do: install QEMU: apt-get install qemu-system-x86")));
  EXPECT_FALSE(fs::exists(directory_ / "out"));
  expect_nothing_left();
}

TEST_F(CliTest, WithoutAnImageNothingIsStarted) {
  fs::remove(directory_ / "image/vmlinuz");
  EXPECT_EQ(run({scenario("good", {"pass"})}), 3);
  EXPECT_THAT(err(), AllOf(HasSubstr("vmlinuz: not there"), HasSubstr("SNAPHAMMER_IMAGE")));
}

TEST_F(CliTest, WithoutTheInterposerNothingIsStarted) {
  fs::remove(directory_ / "interposer.so");
  EXPECT_EQ(run({scenario("good", {"pass"})}), 3);
  EXPECT_THAT(err(), AllOf(HasSubstr("interposer.so: not there"), HasSubstr("ci/snaphammer")));
}

TEST_F(CliTest, WithoutUserfaultfdNothingIsStarted) {
  environment_["SCRIPTED_HOST"] = "no-userfaultfd";
  EXPECT_EQ(run({scenario("good", {"pass"})}), 3);
  EXPECT_THAT(err(), HasSubstr("vm.unprivileged_userfaultfd=1"));
}

TEST_F(CliTest, WithoutDiskSpaceNothingIsStarted) {
  environment_["SCRIPTED_HOST"] = "no-space";
  EXPECT_EQ(run({scenario("good", {"pass"})}), 3);
  EXPECT_THAT(err(), AllOf(HasSubstr("space for results"), HasSubstr("--out"), HasSubstr("space for caches")));
}

TEST_F(CliTest, AForeignRuntimeDirectoryIsRefused) {
  fs::create_directory(directory_ / "run/snaphammer");
  ::chmod((directory_ / "run/snaphammer").c_str(), 0777);
  EXPECT_EQ(run({scenario("good", {"pass"})}), 3);
  EXPECT_THAT(err(), HasSubstr("XDG_RUNTIME_DIR"));
}

// ---- dying

TEST_F(CliTest, WhatAKilledCampaignLeavesIsRemovedByTheNextCommand) {
  pid_t worker = 0;
  ChildProcess program =
      start_and_await_announcement(scenario("busy", {"child", "leave_child", "announce", "wait"}), worker);
  ASSERT_EQ(runtime_directories().size(), 1u);
  const std::string id = runtime_directories().front();
  program.kill();

  EXPECT_EQ(snaphammer({"clean"}), 0) << err();
  const std::string prefix = "removed what dead campaign " + id + " left: ";
  EXPECT_THAT(out(),
              AllOf(HasSubstr(prefix + "process "), HasSubstr("(sleep 1000)"), HasSubstr(prefix + "directory ")));
  expect_nothing_left();
  EXPECT_EQ(snaphammer({"clean"}), 0);
  EXPECT_EQ(out(), "nothing to clean\n");
}

TEST_F(CliTest, ANewCampaignCleansUpFirstAndSaysSo) {
  pid_t worker = 0;
  ChildProcess program = start_and_await_announcement(scenario("busy", {"leave_child", "announce", "wait"}), worker);
  program.kill();
  fs::remove_all(directory_ / "out");
  EXPECT_EQ(run({scenario("good", {"pass"})}), 0) << err();
  EXPECT_THAT(err(), AllOf(StartsWith("removed what dead campaign "), HasSubstr("(sleep 1000)")));
  expect_nothing_left();
}

TEST_F(CliTest, ALivingCampaignIsLeftAlone) {
  pid_t worker = 0;
  ChildProcess program = start_and_await_announcement(scenario("busy", {"announce", "wait"}), worker);
  EXPECT_EQ(snaphammer({"clean"}), 0);
  EXPECT_EQ(out(), "nothing to clean\n");
  EXPECT_FALSE(program.poll().value().has_value());
  EXPECT_EQ(::kill(worker, 0), 0);
  EXPECT_EQ(snaphammer({"clean", "--cache"}), 3);
  EXPECT_THAT(err(), HasSubstr("is running and uses the caches"));
  ASSERT_TRUE(program.signal(SIGTERM));
  EXPECT_EQ(wait_for_exit(program), 130);
}

TEST_F(CliTest, AKilledWorkerCostsItsRunOnly) {
  pid_t worker = 0;
  scenario("a-busy", {"child", "announce", "wait"});
  scenario("b-good", {"pass"});
  ChildProcess program = start_and_await_announcement(directory_.path(), worker);
  ASSERT_EQ(::kill(worker, SIGKILL), 0);
  EXPECT_EQ(wait_for_exit(program), 4);
  EXPECT_THAT(results().at("runs").at(0).at("message"), HasSubstr("was killed by signal 9 (Killed) during '"));
  EXPECT_EQ(results().at("runs").at(1).at("verdict"), "pass");
  expect_nothing_left();
}

TEST_F(CliTest, CachesAreRemovedOnDemandAndCounted) {
  fs::create_directories(directory_ / "cache/snaphammer/images");
  write("cache/snaphammer/images/big", std::string(3 << 20, 'x'));
  EXPECT_EQ(snaphammer({"clean", "--cache"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("freed 3 MiB"));
  EXPECT_TRUE(fs::is_empty(directory_ / "cache/snaphammer"));
}

// ---- options of `run`

TEST_F(CliTest, FilterShardSeedAndRepeatChooseTheRuns) {
  scenario("a", {"pass"}, "tags: [one]\n");
  scenario("b", {"pass"}, "tags: [two]\n");
  EXPECT_EQ(run({directory_.path(), "--filter", "tag:two", "--seed", "7", "--repeat", "3", "--shard", "2/2"}), 0)
      << err();
  ASSERT_EQ(results().at("runs").size(), 1u);
  EXPECT_EQ(results().at("runs").at(0).at("scenario"), "b");
  EXPECT_EQ(results().at("runs").at(0).at("seed"), 8);
}

TEST_F(CliTest, AFilterThatMatchesNothingIs2AndAnEmptyShardIsNot) {
  EXPECT_EQ(run({scenario("a", {"pass"}), "--filter", "no-such"}), 2);
  EXPECT_EQ(run({scenario("a", {"pass"}), "--shard", "2/2"}), 0);
  EXPECT_THAT(err(), HasSubstr("shard 2/2"));
  EXPECT_EQ(run({scenario("a", {"pass"}), "--shard", "3/2"}), 2);
}

TEST_F(CliTest, AnEmptyValueIsNotTakenForNone) {
  for (const char* option : {"--shard", "--seed", "--filter", "--out", "--report", "--known"}) {
    EXPECT_EQ(snaphammer({"run", scenario("a", {"pass"}), option, ""}), 2) << option;
    EXPECT_THAT(err(), HasSubstr(option)) << option;
  }
  EXPECT_EQ(snaphammer({"run", ""}), 2);
  EXPECT_THAT(err(), HasSubstr("PATH is empty"));
  EXPECT_FALSE(fs::exists("snaphammer-out"));
}

TEST_F(CliTest, ASeedThatIsNoneIsNotTakenForAnother) {
  for (const char* seed : {"-1", "18446744073709551616", "1x", "1.5"}) {
    EXPECT_EQ(run({scenario("a", {"pass"}), "--seed", seed}), 2) << seed;
    EXPECT_THAT(err(), HasSubstr("is no whole number")) << seed;
  }
}

TEST_F(CliTest, ResultsThatCannotBeKeptAre2BeforeAnyRun) {
  write("file", "mine");
  EXPECT_EQ(snaphammer({"run", scenario("a", {"pass"}), "--out", directory_ / "file"}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("create " + (directory_ / "file").string()), HasSubstr("--out")));
  EXPECT_EQ(run({scenario("a", {"pass"}), "--report", "tap=" + (directory_ / "none/a.tap").string()}), 2);
  EXPECT_THAT(err(), HasSubstr("none is no directory"));
  EXPECT_FALSE(fs::exists(directory_ / "out")) << "nothing was begun";
  EXPECT_EQ(run({scenario("a", {"pass"}), "--report", "tap=" + (directory_ / "out/a.tap").string()}), 0) << err();
  EXPECT_TRUE(fs::exists(directory_ / "out/a.tap")) << "in the campaign's own directory, which it makes";
}

TEST_F(CliTest, WhatIsShownToBePastedIsQuotedForAShell) {
  fs::create_directory(directory_ / "my files");
  EXPECT_EQ(snaphammer({"run", scenario("a", {"fail"}), "--out", directory_ / "my files/out"}), 1);
  EXPECT_THAT(out(), HasSubstr("again: snaphammer replay '" + (directory_ / "my files/out/runs/a.s1").string() + "'"));
}

TEST_F(CliTest, MachineOutputHasStandardOutputForItself) {
  EXPECT_EQ(run({scenario("a", {"pass"}), "--report", "json=-"}), 0) << err();
  EXPECT_EQ(nlohmann::json::parse(out()).at("summary").at("total"), 1);
  EXPECT_THAT(err(), HasSubstr("[1/1] pass"));
}

TEST_F(CliTest, QuietShowsOnlyWhatWasNotAsExpected) {
  EXPECT_EQ(run({scenario("a", {"pass"}), scenario("b", {"fail"}), "--quiet"}), 1);
  EXPECT_THAT(out(), AllOf(HasSubstr("UNEXPECTED"), Not(HasSubstr("as expected")), Not(HasSubstr("SCENARIO"))));
}

TEST_F(CliTest, NothingIsColoredWhereThereIsNoTerminal) {
  EXPECT_EQ(run({scenario("a", {"fail"})}), 1);
  EXPECT_THAT(out(), Not(HasSubstr("\x1b")));
}

TEST_F(CliTest, ResultsAreNotOverwritten) {
  EXPECT_EQ(run({scenario("a", {"pass"})}), 0);
  EXPECT_EQ(run({scenario("a", {"pass"})}), 2);
  EXPECT_THAT(err(), HasSubstr("--out"));
}

// ---- resume

TEST_F(CliTest, AnInterruptedCampaignGoesOnWhereItStopped) {
  scenario("a-done", {"note", "pass"});
  scenario("b-waits", {"note", "announce", "pass"});
  scenario("c-later", {"note", "fail"}, "seed: 1\nexpect:\n  - verdict: fail\n");
  environment_["SCRIPTED_NOTES"] = directory_ / "notes";
  pid_t worker = 0;
  ChildProcess program = start_and_await_announcement(directory_.path(), worker);
  program.kill();
  EXPECT_EQ(snaphammer({"report", directory_ / "out"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("a-done"), Not(HasSubstr("b-waits"))));

  fs::remove(directory_ / "fifo");  // As a plain file it holds nobody up.
  EXPECT_EQ(snaphammer({"run", "--resume", directory_ / "out"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("3 runs (1 of them done before)"), HasSubstr("[2/3] pass"),
                           HasSubstr("3 of 3 runs"), Not(HasSubstr("to go on"))));
  EXPECT_EQ(content_of(directory_ / "notes"), "a-done.s1\nb-waits.s1\nb-waits.s1\nc-later.s1\n");
  EXPECT_EQ(results().at("summary").at("as_expected"), 3);
  expect_nothing_left();
}

TEST_F(CliTest, AFinishedCampaignIsResumedToTheSameEnd) {
  EXPECT_EQ(run({scenario("bad", {"fail"}), "--repeat", "2"}), 1);
  const nlohmann::json before = results();
  EXPECT_EQ(snaphammer({"run", "--resume", directory_ / "out"}), 1);
  EXPECT_THAT(out(), HasSubstr("2 of 2 runs"));
  EXPECT_EQ(results().at("runs"), before.at("runs"));
}

TEST_F(CliTest, ACampaignWhoseScenariosChangedIsNotResumed) {
  EXPECT_EQ(run({scenario("a", {"pass"}), scenario("b", {"pass"})}), 0) << err();
  scenario("b", {"fail"});
  EXPECT_EQ(snaphammer({"run", "--resume", directory_ / "out"}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("b.yaml has changed"), Not(HasSubstr("a.yaml has")), HasSubstr("to do: put")));
  EXPECT_EQ(snaphammer({"run", "--resume", directory_ / "no-such"}), 2);
  EXPECT_THAT(err(), HasSubstr("journal.sqlite: no such file"));
  EXPECT_EQ(snaphammer({"run", "--resume", directory_ / "out", "--seed", "3"}), 2);
}

TEST_F(CliTest, TheScenariosOfAResumedCampaignMayHaveMoved) {
  EXPECT_EQ(run({scenario("a", {"pass"})}), 0) << err();
  fs::create_directory(directory_ / "moved");
  fs::rename(directory_ / "a.yaml", directory_ / "moved/a.yaml");
  EXPECT_EQ(snaphammer({"run", "--resume", directory_ / "out"}), 2);
  EXPECT_EQ(snaphammer({"run", "--resume", directory_ / "out", directory_ / "moved"}), 0) << err();
}

// ---- known failures and retries

TEST_F(CliTest, AKnownFailureDoesNotFailTheCampaign) {
  const std::string known = write("known.yaml",
                                  "version: 1\nknown:\n  - runs: bad\n    finding: stale-page\n    reason: it forgets\n"
                                  "    link: https://example.org/12\n");
  scenario("bad", {"fail"});
  EXPECT_EQ(run({directory_.path(), "--known", known}), 0) << err();
  EXPECT_THAT(out(), AllOf(ContainsRegex("fail +known"), HasSubstr("known: it forgets (https://example.org/12)"),
                           HasSubstr("0 unexpected"), HasSubstr("1 known")));
  EXPECT_EQ(results().at("summary").at("known"), 1);
  EXPECT_EQ(snaphammer({"run", "--resume", directory_ / "out"}), 0) << err();
}

TEST_F(CliTest, AKnownFailureThatPassesIsReported) {
  const std::string known =
      write("known.yaml", "version: 1\nknown:\n  - runs: good\n    finding: hang\n    reason: slow\n");
  EXPECT_EQ(run({scenario("good", {"pass"}), "--known", known}), 0) << err();
  EXPECT_THAT(err(), HasSubstr("known.yaml:3:5: known failure 'hang' was not seen"));
}

TEST_F(CliTest, AnInvalidFileOfKnownFailuresIs2) {
  const std::string known = write("known.yaml", "version: 1\nknown:\n  - runs: good\n    findin: hang\n");
  EXPECT_EQ(run({scenario("good", {"pass"}), "--known", known}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("known.yaml:4:5"), HasSubstr("'finding'")));
}

TEST_F(CliTest, ARunThatIsAsExpectedWhenTriedAgainIsFlaky) {
  EXPECT_EQ(run({scenario("sometimes", {"fail_first"}), "--retry", "2"}), 0) << err();
  EXPECT_THAT(out(), AllOf(ContainsRegex("flaky +as expected"), HasSubstr("tried before: hang: this time"),
                           HasSubstr("(1 flaky)")));
  EXPECT_EQ(results().at("summary").at("flaky"), 1);
  EXPECT_TRUE(fs::exists(directory_ / "out/runs/sometimes.s1/plan.json"));
  EXPECT_EQ(results().at("runs").at(0).at("artifacts"), "runs/sometimes.s1.retry1");
}

TEST_F(CliTest, ARunThatNeverIsAsExpectedFailsAfterItsRetries) {
  environment_["SCRIPTED_NOTES"] = directory_ / "notes";
  EXPECT_EQ(run({scenario("bad", {"note", "fail"}), "--retry", "2"}), 1);
  EXPECT_EQ(content_of(directory_ / "notes"), "bad.s1\nbad.s1.retry1\nbad.s1.retry2\n");
  EXPECT_EQ(results().at("runs").at(0).at("attempts").size(), 2u);
}

// ---- CI systems

TEST_F(CliTest, AJobOfGitHubGetsAnnotationsAndASummary) {
  environment_["GITHUB_ACTIONS"] = "true";
  environment_["GITHUB_STEP_SUMMARY"] = write("summary.md", "before\n");
  EXPECT_EQ(run({scenario("bad", {"fail"}), scenario("good", {"pass"})}), 1);
  EXPECT_THAT(out(), HasSubstr("\n::error title=bad.s1::stale-page: as told%0Aagain: "));
  EXPECT_THAT(out(), Not(HasSubstr("title=good")));
  EXPECT_THAT(content_of(directory_ / "summary.md"), StartsWith("before\n## Snaphammer: 1 of 2 runs as expected"));
}

TEST_F(CliTest, AShardMayComeFromTheScheduler) {
  EXPECT_EQ(run({scenario("a", {"pass"}), "--repeat", "2", "--shard", "auto"}), 2);
  environment_["JOB_COMPLETION_INDEX"] = "1";
  EXPECT_EQ(run({scenario("a", {"pass"}), "--repeat", "2", "--shard", "auto/2"}), 0) << err();
  EXPECT_EQ(results().at("runs").at(0).at("seed"), 2);
}

// ---- replay and report

TEST_F(CliTest, AReplaySaysHowOftenTheOutcomeCameBack) {
  EXPECT_EQ(run({scenario("bad", {"fail"})}), 1);
  const std::string artifacts = directory_ / "out" / results().at("runs").at(0).at("artifacts").get<std::string>();
  fs::remove(directory_ / "bad.yaml");
  EXPECT_EQ(snaphammer({"replay", artifacts, "--times", "3", "--out", directory_ / "again"}), 1) << err();
  EXPECT_THAT(out(), HasSubstr("fail stale-page: came back in 3/3"));
}

TEST_F(CliTest, AReplayOfNothingIs2) {
  EXPECT_EQ(snaphammer({"replay", directory_ / "no-such"}), 2);
  write("plan.json", "{}");
  EXPECT_EQ(snaphammer({"replay", directory_ / "plan.json"}), 2);
  EXPECT_THAT(err(), HasSubstr("plan.json"));
}

TEST_F(CliTest, AReplayOfWhatCannotBeReadSaysWhichFileAndWhatToDo) {
  EXPECT_EQ(run({scenario("a", {"pass"})}), 0);
  const fs::path stored = directory_ / "out" / results().at("runs").at(0).at("artifacts").get<std::string>();
  const auto expect_refused = [&](const std::string& file) {
    EXPECT_EQ(snaphammer({"replay", stored}), 2);
    EXPECT_THAT(err(),
                AllOf(HasSubstr((stored / file).string()), HasSubstr("to do: "), HasSubstr("run its scenario again")));
  };
  std::ofstream(stored / "result.json") << "[]";
  expect_refused("result.json");
  fs::remove(stored / "plan.json");
  fs::create_directory(stored / "plan.json");
  expect_refused("plan.json");
}

TEST_F(CliTest, AStoredCampaignIsReportedAgain) {
  EXPECT_EQ(run({scenario("bad", {"fail"})}), 1);
  EXPECT_EQ(snaphammer({"report", directory_ / "out"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("bad"));
  EXPECT_EQ(snaphammer({"report", directory_ / "out", "--report", "json=-"}), 0);
  EXPECT_EQ(nlohmann::json::parse(out()), results());
  EXPECT_EQ(snaphammer({"report", directory_ / "no-such"}), 2);
}

// ---- the other commands, and usage

TEST_F(CliTest, LintChecksAndPlansAndStartsNothing) {
  const std::string file = scenario("a", {"abort"}, "seed: 1\nrepeat: 2\n");
  EXPECT_EQ(snaphammer({"lint", file, "--plan"}), 0) << err();
  EXPECT_THAT(out(), ContainsRegex("^a[^ ]*  0 s\na[^ ]*  0 s\n$"));
  EXPECT_EQ(err(), "valid: 1 scenario, 2 runs, about 0 s one after the other\n");
  EXPECT_EQ(snaphammer({"lint", write("bad.yaml", "nonsense")}), 2);
  expect_nothing_left();
}

TEST_F(CliTest, ListAndDescribeShowWhatIsRegistered) {
  EXPECT_EQ(snaphammer({"list", "steps"}), 0) << err();
  EXPECT_THAT(out(), ContainsRegex("act +Does what a test wants."));
  EXPECT_EQ(snaphammer({"describe", "act"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("What the run does."));
  EXPECT_EQ(snaphammer({"list", "knobs", "--json"}), 0);
  EXPECT_TRUE(nlohmann::json::parse(out()).is_array());
  scenario("a", {"pass"});
  EXPECT_EQ(snaphammer({"list", "scenarios", directory_.path()}), 0);
  EXPECT_EQ(out(), "a  A script.\n");
  EXPECT_EQ(snaphammer({"describe", "a", directory_.path()}), 0) << err();
  EXPECT_THAT(out(), AllOf(StartsWith("a (scenario)\nA script.\n\nFile: "), HasSubstr("\nRuns: 1\n"),
                           HasSubstr("  - act: pass\n")));
  EXPECT_EQ(snaphammer({"describe", scenario("c", {"pass"})}), 0) << err();
  EXPECT_THAT(out(), StartsWith("c (scenario)\n"));
  EXPECT_EQ(snaphammer({"describe", "b", directory_.path()}), 2);
  EXPECT_THAT(err(), HasSubstr("nothing is called 'b'"));
  EXPECT_EQ(snaphammer({"describe", "a", write("bad.yaml", "nonsense")}), 2);
}

TEST_F(CliTest, UnknownNamesAre2AndGetASuggestion) {
  EXPECT_EQ(snaphammer({"lst"}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("unknown command 'lst'"), HasSubstr("'list'")));
  EXPECT_EQ(snaphammer({"run", "x.yaml", "--filtre", "x"}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("unknown option '--filtre'"), HasSubstr("'--filter'")));
  EXPECT_EQ(snaphammer({"list", "stepz"}), 2);
  EXPECT_THAT(err(), HasSubstr("'steps'"));
  EXPECT_EQ(snaphammer({"describe", "acct"}), 2);
  EXPECT_THAT(err(), HasSubstr("'act'"));
}

TEST_F(CliTest, WrongUsageIs2) {
  EXPECT_EQ(snaphammer({}), 2);
  EXPECT_EQ(snaphammer({"run"}), 2);
  EXPECT_EQ(snaphammer({"run", "x.yaml", "-j", "many"}), 2);
  EXPECT_EQ(snaphammer({"run", "x.yaml", "-j", "0"}), 2);
  EXPECT_EQ(snaphammer({"run", "x.yaml", "--keep-going", "--fail-fast"}), 2);
  EXPECT_EQ(snaphammer({"--no-such"}), 2);
  EXPECT_EQ(snaphammer({"doctor", "surplus"}), 2);
  EXPECT_EQ(run({scenario("a", {"pass"}), "--report", "nonsense=x"}), 2);
  EXPECT_EQ(run({scenario("a", {"pass"}), "--filter", "a,"}), 2);
}

TEST_F(CliTest, HelpAndVersionAre0) {
  EXPECT_EQ(snaphammer({"--version"}), 0);
  EXPECT_THAT(out(), ContainsRegex("^snaphammer [0-9.]+\n$"));
  EXPECT_EQ(snaphammer({"--help"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("doctor"), HasSubstr("Exit codes"), Not(HasSubstr("worker"))));
  EXPECT_EQ(snaphammer({"run", "--help"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("--filter"), HasSubstr("Examples")));
}

TEST_F(CliTest, SchemasAreJson) {
  EXPECT_EQ(snaphammer({"schema"}), 0);
  EXPECT_TRUE(nlohmann::json::parse(out()).contains("$schema"));
  EXPECT_EQ(snaphammer({"schema", "--results"}), 0);
  EXPECT_TRUE(nlohmann::json::parse(out()).contains("$schema"));
}

TEST_F(CliTest, DoctorIs0OnAFitHostAnd3Otherwise) {
  EXPECT_EQ(snaphammer({"doctor"}), 0) << out() << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("version 7.2.22"), HasSubstr("This host can run guests.")));
  environment_["SCRIPTED_HOST"] = "no-userfaultfd";
  fs::remove(directory_ / "interposer.so");
  EXPECT_EQ(snaphammer({"doctor"}), 3);
  EXPECT_THAT(out(), AllOf(ContainsRegex("missing +userfaultfd"), ContainsRegex("missing +interposer"),
                           HasSubstr("remedy: sysctl"), HasSubstr("cannot run guests")));
  expect_nothing_left();
}

}  // namespace
}  // namespace snaphammer::cli
