// Whatever ends a campaign: nothing of it stays, or the next command takes it away and says so.
#include <gmock/gmock.h>
#include <signal.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

constexpr char kOneCycle[] =
    "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n  - restore: {from: s1}\n  - await_healthy: {within: 60s}\n"
    "  - exec_stress: {parallel: 10}\n  - check: all\n";

using CampaignEnd = RealCampaign;

TEST_F(CampaignEnd, SuccessLeavesResultsOfARealGuestAndNothingElse) {
  EXPECT_EQ(run({write_scenario("cycle", kOneCycle)}), 0) << out() << err();
  const nlohmann::json run = only_run();
  EXPECT_EQ(run.at("verdict"), "pass");
  EXPECT_THAT(run.at("guest_kernel").get<std::string>(), testing::StartsWith("6.1."));
  ASSERT_THAT(run.at("restores"), SizeIs(1));
  const nlohmann::json& restore = run.at("restores").at(0);
  for (const char* const phase : {"vmm", "hand-off", "load", "resume", "ready", "init", "health", "first-exec"}) {
    EXPECT_GT(restore.at("phases_ms").at(phase).get<double>(), 0) << phase;
  }
  EXPECT_GT(restore.at("to_healthy_ms").get<double>(), restore.at("phases_ms").at("ready").get<double>());
  EXPECT_GT(run.at("pauses").at(0).at("bytes").get<std::uint64_t>(), 1u << 20);
  const fs::path artifacts = file("out") / run.at("artifacts").get<std::string>();
  EXPECT_THAT(content_of(artifacts / "boot-console.log"), HasSubstr("snaphammer-agent"));
  EXPECT_FALSE(fs::exists(artifacts / "snapshots")) << "kept for runs that went wrong only";
  expect_nothing_left();
}

TEST_F(CampaignEnd, AnUnexpectedRunKeepsItsSnapshotAndLeavesNothingElse) {
  EXPECT_EQ(run({write_scenario("wrong",
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n  - exec: {command: [\"false\"]}\n")}),
            1);
  EXPECT_EQ(finding("unhealthy").at("evidence").at("examples").at(0).at("command"), nlohmann::json::array({"false"}));
  EXPECT_TRUE(fs::exists(file("out") / only_run().at("artifacts").get<std::string>() / "snapshots"));
  EXPECT_THAT(out(), HasSubstr("snaphammer replay "));
  expect_nothing_left();
}

TEST_F(CampaignEnd, CtrlCEndsTheGuestAndKeepsWhatHasFinished) {
  const auto done = write_scenario("a-done", "steps:\n  - boot: {}\n");
  ChildProcess campaign = start({"run", done, write_endless_scenario("b-busy"), "-j", "1", "--out", file("out")});
  await_step("run_for");
  ASSERT_TRUE(campaign.signal(SIGINT));
  EXPECT_EQ(wait_for_exit(campaign), 130);
  ASSERT_THAT(results().at("runs"), SizeIs(1));
  EXPECT_EQ(results().at("runs").at(0).at("scenario"), "a-done");
  EXPECT_EQ(results().at("runs").at(0).at("verdict"), "pass");
  expect_nothing_left();
}

TEST_F(CampaignEnd, ASecondCtrlCKillsAndLeavesNothing) {
  ChildProcess campaign = start({"run", write_endless_scenario("busy"), "--out", file("out")});
  await_step("run_for");
  const pid_t worker = await_process(" worker ");
  ASSERT_EQ(::kill(worker, SIGSTOP), 0);  // It cannot end in an orderly way.
  ASSERT_TRUE(campaign.signal(SIGINT));
  ASSERT_TRUE(campaign.signal(SIGINT));
  EXPECT_EQ(wait_for_exit(campaign), 130);
  expect_nothing_left();
}

TEST_F(CampaignEnd, AKilledCampaignTakesItsGuestsAlongAndTheNextCommandRemovesTheRest) {
  ChildProcess campaign = start({"run", write_endless_scenario("busy"), "--out", file("out")});
  await_step("run_for");
  ASSERT_TRUE(campaign.signal(SIGKILL));
  await_no_process();
  ASSERT_THAT(runtime_directories(), SizeIs(1));
  EXPECT_EQ(snaphammer({"clean"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("removed what dead campaign "), HasSubstr("directory " + file("run").string())));
  expect_nothing_left();
}

TEST_F(CampaignEnd, AKilledWorkerCostsItsRunAndItsGuest) {
  const auto good = write_scenario("b-good", "steps:\n  - boot: {}\n");
  ChildProcess campaign = start({"run", write_endless_scenario("a-busy"), good, "-j", "1", "--out", file("out")});
  await_step("run_for");
  ASSERT_EQ(::kill(await_process(" worker "), SIGKILL), 0);
  EXPECT_EQ(wait_for_exit(campaign), 4);
  const nlohmann::json runs = results().at("runs");
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs.at(0).at("verdict"), "error");
  EXPECT_THAT(runs.at(0).at("message").get<std::string>(), HasSubstr("was killed by signal 9"));
  EXPECT_EQ(runs.at(1).at("verdict"), "pass");
  expect_nothing_left();
}

TEST_F(CampaignEnd, AKilledVmmIsReportedAsWhatItWas) {
  const auto good = write_scenario("b-good", "steps:\n  - boot: {}\n");
  const auto busy =
      write_scenario("a-busy", "steps:\n  - boot: {}\n  - run_for: 15s\n  - exec: {command: [\"true\"]}\n");
  ChildProcess campaign = start({"run", busy, good, "-j", "1", "--out", file("out")});
  await_step("run_for");
  ASSERT_EQ(::kill(await_process("qemu-system"), SIGKILL), 0);
  EXPECT_EQ(wait_for_exit(campaign), 3);
  const nlohmann::json runs = results().at("runs");
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs.at(0).at("verdict"), "inconclusive");
  EXPECT_THAT(runs.at(0).at("message").get<std::string>(), HasSubstr("the VMM was killed by signal 9"));
  EXPECT_EQ(runs.at(1).at("verdict"), "pass");
  expect_nothing_left();
}

TEST_F(CampaignEnd, TwoCampaignsAtOnceDoNotDisturbEachOther) {
  ChildProcess other = start({"run", write_endless_scenario("busy"), "--out", file("other")});
  await_process("qemu-system");
  EXPECT_EQ(run({write_scenario("cycle", kOneCycle)}), 0) << out() << err();
  EXPECT_FALSE(other.poll().value().has_value());
  ASSERT_TRUE(other.signal(SIGTERM));
  EXPECT_EQ(wait_for_exit(other), 130);
  expect_nothing_left();
}

}  // namespace
}  // namespace snaphammer::e2e
