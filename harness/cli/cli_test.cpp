// The program from outside: real processes, exit codes, what is printed where, and what is left.

#include <charconv>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/engine/environment.h"
#include "harness/engine/process_list.h"
#include "harness/engine/testing/scripted_run.h"
#include "harness/engine/testing/temporary_directory.h"
#include "lib/base/child_process.h"
#include "lib/base/testing/run_async.h"

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

std::string content_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

UniqueFd create(const fs::path& file) {
  return UniqueFd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
}

// An installation of its own, with directories of its own, in which everything is there.
class CliTest : public testing::Test {
 protected:
  CliTest() {
    for (const char* const name : {"run", "cache", "image", "bin"}) fs::create_directory(directory_ / name);
    write("image/vmlinuz", "kernel");
    write("image/initramfs", "files");
    write("interposer.so", "library");
    write("bin/qemu-system-x86_64", "#!/bin/sh\necho QEMU emulator version 7.2.22\n");
    ::chmod((directory_ / "bin/qemu-system-x86_64").c_str(), 0755);
    environment_ = {{"XDG_RUNTIME_DIR", directory_ / "run"},
                    {"XDG_CACHE_HOME", directory_ / "cache"},
                    {"SNAPHAMMER_IMAGE", directory_ / "image"},
                    {"SNAPHAMMER_INTERPOSER", directory_ / "interposer.so"},
                    {"PATH", (directory_ / "bin").string() + ":/usr/bin:/bin"},
                    {"HOME", directory_.path()}};
  }

  fs::path write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }
  std::string scenario(const std::string& name, const std::vector<std::string>& acts,
                       const std::string& more = "seed: 1\n") {
    return write(name + ".yaml", engine::scripted_scenario(name, acts, more));
  }

  ChildProcess start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), SCRIPTED_SNAPHAMMER);
    const UniqueFd out = create(directory_ / "stdout");
    const UniqueFd err = create(directory_ / "stderr");
    return ChildProcess::spawn(
               {.argv = std::move(arguments), .environment = environment_, .output = out.get(), .error = err.get()})
        .value();
  }
  int wait_for_exit(ChildProcess& program) {
    const ExitStatus status = run_async(with_deadline(60s, "snaphammer", program.wait())).value();
    EXPECT_TRUE(status.code) << status.describe() << "\n" << err();
    return status.code.value_or(-1);
  }
  int snaphammer(std::vector<std::string> arguments) {
    ChildProcess program = start(std::move(arguments));
    return wait_for_exit(program);
  }
  int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "run");
    arguments.insert(arguments.end(), {"--out", directory_ / "out"});
    return snaphammer(std::move(arguments));
  }
  std::string out() { return content_of(directory_ / "stdout"); }
  std::string err() { return content_of(directory_ / "stderr"); }
  nlohmann::json results() { return nlohmann::json::parse(content_of(directory_ / "out/results.json")); }

  // Starts a campaign and returns when its run has announced itself; `worker` is then the worker's process.
  ChildProcess start_and_await_announcement(const std::string& file, pid_t& worker) {
    const fs::path fifo = directory_ / "fifo";
    EXPECT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    environment_["SCRIPTED_FIFO"] = fifo;
    ChildProcess program = start({"run", file, "--out", directory_ / "out"});
    std::string line;
    std::ifstream stream(fifo);
    std::getline(stream, line);
    std::from_chars(line.data(), line.data() + line.size(), worker);
    EXPECT_GT(worker, 0);
    return program;
  }

  // The processes that belong to any campaign of this test.
  std::vector<engine::Process> processes() {
    return engine::processes_where([&](const engine::Process& process) {
      return process.has("XDG_RUNTIME_DIR", (directory_ / "run").native()) && !process.command.starts_with("[");
    });
  }
  std::vector<std::string> runtime_directories() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory_ / "run/snaphammer", error)) {
      if (entry.is_directory()) names.push_back(entry.path().filename());
    }
    return names;
  }
  void expect_nothing_left() {
    EXPECT_THAT(processes(), IsEmpty());
    EXPECT_THAT(runtime_directories(), IsEmpty());
  }

  engine::TemporaryDirectory directory_;
  std::map<std::string, std::string> environment_;
};

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
  EXPECT_THAT(out(), ContainsRegex("^a.*\na.*\n$"));
  EXPECT_EQ(err(), "valid: 1 scenario, 2 runs\n");
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
