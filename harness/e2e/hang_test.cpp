// What a run leaves of a guest that did not answer: hang.txt, whose first line says where it hung.
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

class Hang : public RealCampaign {
 protected:
  /// Of the only run.
  std::string diagnosis() const { return content_of(artifact("hang.txt")); }
  std::filesystem::path artifact(const std::string& name) const {
    return file("out") / only_run().at("artifacts").get<std::string>() / name;
  }
};

// A guest of a slow host may take longer than is waited for.
const auto kTasks = AnyOf(HasSubstr("task:init"), HasSubstr("not done within 4s"), HasSubstr("not done within 2s"));

constexpr const char* kEndless = "  - exec: {command: [sleep, \"1000\"], timeout: 1s, on_error: continue}\n";

TEST_F(Hang, AGuestThatAnswersIsShownWithItsTasksBelowTheLineThatTheReportShows) {
  EXPECT_EQ(run({write_scenario("endless", std::string("steps:\n  - boot: {}\n") + kEndless)}), 1);
  const nlohmann::json timeout = finding("exec-timeout");
  const std::string where = timeout.at("evidence").at("where");
  EXPECT_THAT(where, AllOf(StartsWith("vCPU 0 is "), HasSubstr("; the agent ")));
  EXPECT_THAT(timeout.at("message").get<std::string>(), HasSubstr(" s later: " + where));
  EXPECT_THAT(out(), HasSubstr(where));
  EXPECT_EQ(timeout.at("evidence").at("diagnosis"), "hang.txt");
  EXPECT_THAT(diagnosis(), AllOf(StartsWith(where + "\n"), HasSubstr("RIP="), kTasks, HasSubstr("this run's worker")));
}

TEST_F(Hang, AWrongAnswerIsNoHang) {
  EXPECT_EQ(run({write_scenario("wrong", "steps:\n  - boot: {}\n  - exec: {command: [\"false\"]}\n")}), 1);
  const nlohmann::json wrong = finding("unhealthy");
  EXPECT_EQ(wrong.at("message"), "'false' exited with status 1, expected exit status 0");
  EXPECT_EQ(wrong.at("evidence").at("examples").at(0).at("ended"), "exited with status 1");
  EXPECT_FALSE(std::filesystem::exists(artifact("hang.txt")));
}

TEST_F(Hang, AVcpuIsSaidToBeWhereItIs) {
  EXPECT_EQ(run({write_scenario("frozen",
                                "steps:\n  - boot: {}\n  - start: {workload: cpp-heap, as: heap}\n"
                                "  - parallel:\n    - - exec: {command: [sleep, \"1000\"], timeout: 20s}\n"
                                "    - - freeze: {at: {symbol: __alloc_pages}}\n")}),
            1)
      << out() << err();
  EXPECT_THAT(finding("exec-timeout").at("evidence").at("where").get<std::string>(),
              ContainsRegex("^the vCPUs are stopped; vCPU 0 is .*at __alloc_pages(, vCPU 1|$)"));
}

TEST_F(Hang, AVmmThatStandsStillIsSaidToAndShownByADebugger) {
  EXPECT_EQ(run({write_scenario("stopped",
                                "steps:\n  - boot: {}\n  - inject: {fault: vmm.stop}\n"
                                "  - exec: {command: [\"true\"], timeout: 2s}\n")}),
            1);
  EXPECT_EQ(finding("exec-timeout").at("evidence").at("where"), "the VMM stands still, stopped by a signal");
  EXPECT_THAT(diagnosis(), AllOf(HasSubstr("', state T"), HasSubstr("user stacks of process")));
}

TEST_F(Hang, AGuestIsLookedAtBeforeALaterStepHealsIt) {
  EXPECT_EQ(run({write_scenario("healed",
                                "steps:\n  - boot: {}\n  - inject: {fault: vmm.stop, as: stop}\n"
                                "  - exec: {command: [\"true\"], timeout: 2s, on_error: continue}\n"
                                "  - heal: stop\n  - await_healthy\n")}),
            1)
      << out() << err();
  EXPECT_THAT(diagnosis(), StartsWith("the VMM stands still, stopped by a signal"));
}

TEST_F(Hang, AGuestThatAStepEndsIsLookedAtBefore) {
  EXPECT_EQ(run({write_scenario("destroyed", "steps:\n  - boot: {}\n" + std::string(kEndless) + "  - destroy: {}\n")}),
            1);
  EXPECT_THAT(diagnosis(), StartsWith("vCPU 0 is "));
}

TEST_F(Hang, AGuestThatARestoreReplacesIsTheOneThatIsLookedAt) {
  EXPECT_EQ(run({write_scenario("replaced", "steps:\n  - boot: {fresh: true}\n  - snapshot: {id: s1}\n" +
                                                std::string(kEndless) +
                                                "  - restore: {from: s1}\n  - await_healthy: {within: 60s}\n")}),
            1);
  EXPECT_THAT(diagnosis(), HasSubstr("it was not restored"));
}

// Its page server does not get the snapshot's bytes, which the VMM needs to load the devices' state.
std::string stuck_in(const std::string& restore) {
  return "runtime: {uffd: {prefetch: \"off\"}}\n"
         "steps:\n  - boot: {fresh: true}\n  - snapshot: {id: s1}\n"
         "  - inject: {fault: uffd.delay, args: {least: 12s}}\n  - restore: " +
         restore + "\n  - await_healthy: {within: 60s}\n";
}

TEST_F(Hang, AGuestThatIsStuckInItsRestoreIsLookedAtBeforeTheRestoreGivesItUp) {
  EXPECT_EQ(run({write_scenario("stuck", stuck_in("{from: s1}"))}), 1);
  const nlohmann::json unhealthy = finding("unhealthy");
  EXPECT_THAT(unhealthy.at("message").get<std::string>(), HasSubstr("; before it was ended: "));
  EXPECT_EQ(unhealthy.at("evidence").at("diagnosis"), "hang.txt");
  EXPECT_THAT(diagnosis(),
              AllOf(HasSubstr("waits for a page"), HasSubstr("the guest was looked at before it was ended")));
}

TEST_F(Hang, AGuestThatIsStuckInItsRestoreIsLookedAtBeforeTheStepsTimeoutEndsIt) {
  EXPECT_EQ(run({write_scenario("cut-short", stuck_in("{from: s1, timeout: 2s}"))}), 1);
  const nlohmann::json hang = finding("hang");
  EXPECT_THAT(hang.at("message").get<std::string>(),
              AllOf(HasSubstr("step restore (line "), HasSubstr("not done within 2s; before it was ended: ")));
  EXPECT_THAT(diagnosis(), HasSubstr("waits for a page"));
}

TEST_F(Hang, ACloneIsLookedAtOnItsOwn) {
  EXPECT_EQ(run({write_scenario("stuck-clone",
                                "runtime: {uffd: {prefetch: \"off\"}}\n"
                                "steps:\n  - boot: {fresh: true}\n  - snapshot: {id: s1}\n"
                                "  - inject: {fault: uffd.delay, args: {guest: clone-2, least: 12s}}\n"
                                "  - clone: {from: s1, count: 2}\n")}),
            1);
  const nlohmann::json unhealthy = finding("unhealthy");
  EXPECT_THAT(unhealthy.at("message").get<std::string>(),
              AllOf(HasSubstr("clone-2: "), HasSubstr("; before it was ended: ")));
  EXPECT_EQ(unhealthy.at("evidence").at("examples").at(0).at("diagnosis"), "clone-2/hang.txt");
  EXPECT_THAT(content_of(artifact("clone-2/hang.txt")), HasSubstr("waits for a page"));
  EXPECT_FALSE(std::filesystem::exists(artifact("hang.txt"))) << "the run's own guest did not hang";
}

TEST_F(Hang, ARunWithoutAHangLeavesNone) {
  EXPECT_EQ(run({write_scenario("short", "steps:\n  - boot: {}\n  - exec: {command: [\"false\"], expect_exit: 1}\n")}),
            0);
  EXPECT_FALSE(std::filesystem::exists(artifact("hang.txt")));
}

}  // namespace
}  // namespace snaphammer::e2e
