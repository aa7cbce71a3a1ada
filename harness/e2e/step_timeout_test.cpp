// What runs past its step's `timeout` is ended, all of it, and the run goes on.
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

class StepTimeout : public RealCampaign {
 protected:
  /// Runs `steps` after a boot, and sees at the end that the guest works.
  void run_overdue(const std::string& name, const std::string& steps) {
    const std::string body = "runtime: {uffd: {prefetch: \"off\"}}\nsteps:\n  - boot: {}\n" + steps +
                             "  - run_for: 2s\n  - exec: {command: [\"true\"]}\n  - check: all\n";
    EXPECT_EQ(run({write_scenario(name, body)}), 1) << out();
  }
  /// The run ended as it should but for a step that was overdue, so many times.
  void expect_overdue_and_nothing_else(int times = 1) const {
    const nlohmann::json run = only_run();
    EXPECT_EQ(run.at("verdict"), "fail") << run;
    ASSERT_EQ(run.at("findings").size(), 1u) << run.at("findings");
    EXPECT_EQ(run.at("findings").at(0).at("id"), "hang");
    EXPECT_EQ(run.at("findings").at(0).at("count"), times);
  }

  static constexpr char kNoneSleeps[] = "  - exec: {command: [sh, -c, \"! pidof sleep\"]}\n";
};

TEST_F(StepTimeout, EndsCommandsThatRunAtOnce) {
  run_overdue("stress",
              std::string("  - exec_stress: {parallel: 10, command: [sleep, \"1000\"], within: 60s, timeout: 1s, "
                          "on_error: continue}\n") +
                  kNoneSleeps);
  expect_overdue_and_nothing_else();
}

TEST_F(StepTimeout, EndsTheBranchesOfParallel) {
  run_overdue("branches",
              std::string("  - parallel: {branches: [[{exec: {command: [sleep, \"1000\"]}}], [{run_for: 1h}]], "
                          "timeout: 1s, on_error: continue}\n") +
                  kNoneSleeps);
  expect_overdue_and_nothing_else();
}

// The first boot of a machine makes its base snapshot: a guest of its own, which is under way then.
TEST_F(StepTimeout, EndsABootThatNeverComesUp) {
  const std::string never = "vm: {kernel_args: [\"rdinit=/bin/sh\"]}\n";
  const std::string hangs = "expect: [{verdict: fail, findings: [hang]}]\n";
  EXPECT_EQ(run({write_scenario("step", never + "steps: [{boot: {timeout: 3s}}]\n" + hangs),
                 write("run.yaml", "version: 1\nname: run\ntimeout: 3s\nsteps: [boot]\n" + never + hangs)}),
            0)
      << out();
  expect_nothing_left();
}

TEST_F(StepTimeout, EndsARestoreWhosePagesAreDelayedForAnHour) {
  EXPECT_EQ(run({write_scenario("delayed",
                                "runtime: {uffd: {prefetch: \"off\"}}\nsteps:\n  - boot\n  - snapshot: {id: s1}\n"
                                "  - inject: {fault: uffd.delay, args: {least: 1h}}\n"
                                "  - restore: {from: s1, timeout: 3s}\n"
                                "expect: [{verdict: fail, findings: [hang]}]\n")}),
            0)
      << out();
  EXPECT_LT(only_run().at("seconds"), 60);
}

TEST_F(StepTimeout, EndsClonesThatAreNotUp) {
  run_overdue("clones",
              "  - snapshot: {id: s1}\n  - inject: {fault: uffd.delay, args: {guest: clone-2, least: 12s}}\n"
              "  - clone: {from: s1, count: 2, timeout: 2s, on_error: continue}\n");
  expect_overdue_and_nothing_else();
  expect_nothing_left();
}

// While the guest is asked to prepare for it, or soon after: the request to undo that may come to the agent as early.
TEST_F(StepTimeout, EndsASnapshotAndTheGuestGoesOn) {
  run_overdue(
      "snapshots",
      "  - start: {workload: zero-pages, as: zp, args: {resident: 8MiB}}\n  - loop:\n      times: 30\n      steps:\n"
      "        - snapshot: {id: s1, timeout: 5ms, on_error: continue}\n        - exec: {command: [\"true\"]}\n"
      "  - check: all\n  - snapshot: {id: s2}\n  - restore: {from: s2}\n  - await_healthy: {within: 30s}\n");
  expect_overdue_and_nothing_else(30);
}

TEST_F(StepTimeout, EndsARestoreAndTheNextOneIsHealthy) {
  run_overdue("restores",
              "  - snapshot: {id: s1}\n  - inject: {fault: uffd.delay, args: {least: 12s}}\n"
              "  - restore: {from: s1, timeout: 2s, on_error: continue}\n  - heal: all\n"
              "  - restore: {from: s1}\n  - await_healthy: {within: 60s}\n");
  expect_overdue_and_nothing_else();
}

TEST_F(StepTimeout, IsNotAllThatARunSaysWhichSomethingElseEnds) {
  // Beside another step, where lint does not know that nothing is left for what follows.
  run_overdue("ended",
              "  - exec: {command: [sleep, \"1000\"], timeout: 100ms, on_error: continue}\n"
              "  - parallel: [[destroy], [{run_for: 10ms}]]\n");
  EXPECT_EQ(finding("exec-timeout").at("count"), 1);
  EXPECT_THAT(only_run().at("message").get<std::string>(),
              testing::ContainsRegex("not done within 100ms.*; "
                                     "then the run ended: step exec \\(line [0-9]+\\): exec: refused"));
}

TEST_F(StepTimeout, OfTheWholeRunEndsWhateverItIsAtAndSaysWhat) {
  EXPECT_EQ(run({write("whole.yaml",
                       "version: 1\nname: whole\ntimeout: 3s\n"
                       "steps:\n  - boot: {}\n  - loop:\n      times: 9\n      steps:\n"
                       "        - exec_stress: {parallel: 10, command: [sleep, \"60\"], within: 60s}\n")}),
            1);
  EXPECT_THAT(
      finding("hang").at("message").get<std::string>(),
      testing::ContainsRegex("^run: not done within 3s; the last step begun was step exec_stress \\(line [0-9]+\\)"));
  EXPECT_EQ(only_run().at("findings").size(), 1u);
}

}  // namespace
}  // namespace snaphammer::e2e
