// A guest that the scenario has left to run and that is no more, or does not answer, never makes a green run.
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class DeadGuest : public RealCampaign {
 protected:
  static constexpr char kKilled[] = "steps:\n  - boot\n  - snapshot: {id: s1}\n  - inject: {fault: vmm.kill}\n";
  static constexpr char kUnhealthy[] = "expect: [{verdict: fail, findings: [unhealthy]}]\n";
};

TEST_F(DeadGuest, AKilledVmmIsUnhealthyToWhateverNeedsItsGuest) {
  std::vector<std::string> scenarios = {write_scenario("nothing-more", std::string(kKilled) + kUnhealthy)};
  for (const char* step : {"check: all", "await_healthy: {within: 5s}", "exec: {command: [\"true\"]}", "run_for: 100ms",
                           "pause", "snapshot: {id: s2}", "connect: {port: 80}", "quiesce"}) {
    const std::string name = "step-" + std::to_string(scenarios.size());
    scenarios.push_back(write_scenario(name, fmt::format("{}  - {}\n{}", kKilled, step, kUnhealthy)));
  }
  EXPECT_EQ(run(scenarios), 0) << out() << err();
  const nlohmann::json runs = results().at("runs");
  EXPECT_EQ(runs.size(), scenarios.size());
  for (const nlohmann::json& run : runs) {
    EXPECT_THAT(run.at("message").get<std::string>(), HasSubstr("the VMM was killed by fault vmm.kill")) << run;
    EXPECT_LT(run.at("seconds"), 15) << "Nobody waits for it.";
  }
  expect_nothing_left();
}

TEST_F(DeadGuest, AKilledVmmIsNotMissedOnceItsGuestIsReplacedOrEnded) {
  const std::string restored = "  - restore: {from: s1}\n  - await_healthy: {within: 30s}\n  - check: all\n";
  EXPECT_EQ(run({write_scenario("restored", kKilled + ("  - run_for: 100ms\n" + restored)),
                 write_scenario("booted", std::string(kKilled) + "  - boot\n  - check: all\n"),
                 write_scenario("booted-fresh", std::string(kKilled) + "  - boot: {fresh: true}\n  - check: all\n"),
                 write_scenario("destroyed", std::string(kKilled) + "  - destroy\n  - check: all\n"),
                 write_scenario("in-a-pause",
                                "steps:\n  - boot\n  - snapshot: {id: s1}\n"
                                "  - inject: {fault: vmm.kill, when: {phase: \"pause.save-state:before\"}}\n"
                                "  - snapshot: {id: s2, on_error: continue}\n" +
                                    restored + "  - verify_snapshot: all\n")}),
            0)
      << out() << err();
}

TEST_F(DeadGuest, OneThatEndsItselfIsUnhealthy) {
  const std::string ends = "steps:\n  - boot\n  - exec: {on_error: continue, command: [sh, -c, \"echo ";
  EXPECT_EQ(
      run({write_scenario("power-off", ends + "o > /proc/sysrq-trigger; sleep 60\"]}\n" + kUnhealthy),
           write_scenario("reset", ends + "b > /proc/sysrq-trigger; sleep 60\"]}\n  - check: all\n" + kUnhealthy)}),
      0)
      << out() << err();
}

TEST_F(DeadGuest, AVmmThatEndsByItselfProvesNothing) {
  const std::string scenario =
      write_scenario("crash", "steps:\n  - boot\n  - run_for: {duration: 60s, on_error: continue}\n  - check: all\n");
  ChildProcess campaign = start({"run", scenario, "--out", file("out")});
  await_step("run_for");
  ASSERT_EQ(::kill(await_process("qemu-system"), SIGKILL), 0);
  EXPECT_EQ(wait_for_exit(campaign), 3) << out() << err();
  EXPECT_EQ(only_run().at("verdict"), "inconclusive");
  EXPECT_THAT(only_run().at("message").get<std::string>(), AllOf(HasSubstr("check"), HasSubstr("the VMM was killed")));
}

// Whatever the undo asks a VMM that stands still for, it does not get. (Without the page server it may: a guest which has all
// the pages that it needs is brought back.)
TEST_F(DeadGuest, OneThatAPauseCouldNotBringBackIsUnhealthy) {
  EXPECT_EQ(
      run({write_scenario("lost", std::string("runtime: {quiesce: {enabled: false}}\nsteps:\n  - boot\n"
                                              "  - inject: {fault: vmm.stop, when: {phase: \"pause.freeze:after\"}}\n"
                                              "  - snapshot: {id: s1, on_error: continue}\n") +
                                      kUnhealthy)}),
      0)
      << out() << err();
  EXPECT_THAT(only_run().at("message").get<std::string>(), HasSubstr("could not be brought back"));
}

TEST_F(DeadGuest, OneThatDoesNotAnswerIsUnhealthy) {
  const std::string stopped = "steps:\n  - boot\n  - inject: {fault: vmm.stop}\n";
  EXPECT_EQ(run({write_scenario("asked", stopped + "  - await_healthy: {within: 1s}\n" + kUnhealthy),
                 write_scenario("at-the-end", stopped + kUnhealthy),
                 // Its answer is waited for longer than the run may take.
                 write("stalled.yaml",
                       "version: 1\nname: stalled\ntimeout: 2s\nsteps:\n  - boot\n"
                       "  - inject: {fault: vsock.stall}\n" +
                           std::string(kUnhealthy)),
                 "-j", "3"}),
            0)
      << out() << err();
  std::map<std::string, std::string> messages;
  const nlohmann::json runs = results().at("runs");
  for (const nlohmann::json& run : runs) messages[run.at("scenario")] = run.at("message");
  EXPECT_THAT(messages["asked"], HasSubstr("await_healthy: not done within 1s"));
  EXPECT_THAT(messages["at-the-end"], HasSubstr("health: "));
}

TEST_F(DeadGuest, OneThatDoesNotComeUpIsUnhealthyThoughNoStepAwaitsIt) {
  EXPECT_EQ(run({write_scenario("not-awaited", std::string("steps:\n  - boot\n  - snapshot: {id: s1}\n"
                                                           "  - inject: {fault: vsock.stall}\n"
                                                           "  - restore: {from: s1}\n"
                                                           "runtime: {restore: {budget_ready: 3s}}\n") +
                                                   kUnhealthy)}),
            0)
      << out() << err();
  EXPECT_THAT(only_run().at("message").get<std::string>(), HasSubstr("restore.ready"));
}

}  // namespace
}  // namespace snaphammer::e2e
