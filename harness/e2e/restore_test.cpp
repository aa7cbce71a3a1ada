// What a restore of a real guest does, as its results show it.
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

using Restore = RealCampaign;

TEST_F(Restore, WhatOneRestoreAskedForTheNextHasReady) {
  EXPECT_EQ(run({write_scenario("working-set",
                                "runtime: {uffd: {prefetch: working-set}}\n"
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n"
                                "  - restore: {from: s1}\n  - await_healthy: {within: 60s}\n"
                                "  - restore: {from: s1}\n  - await_healthy: {within: 60s}\n")}),
            0)
      << out();
  const nlohmann::json restores = only_run().at("restores");
  ASSERT_EQ(restores.size(), 2u);
  const nlohmann::json& recording = restores.at(0).at("uffd");
  const nlohmann::json& prefetching = restores.at(1).at("uffd");
  EXPECT_EQ(recording.at("prefetched_pages"), 0) << "nothing had been recorded yet";
  EXPECT_GT(recording.at("faults"), 500);
  EXPECT_GT(prefetching.at("prefetched_pages"), 500);
  EXPECT_LT(prefetching.at("copied_pages"), recording.at("copied_pages"));
  EXPECT_GT(prefetching.at("working_set").at("hit_ratio").get<double>(), 0.2);
}

// A prefetch of all goes on for some 30 ms after the state has been loaded.
TEST_F(Restore, ASnapshotTakenBeforePrefetchHasEndedIsWhole) {
  EXPECT_EQ(
      run({write_scenario(
          "early-snapshot",
          "repeat: 4\n"
          "steps:\n  - boot: {}\n  - start: {workload: zero-pages, as: zp, args: {resident: 64MiB, settle: 100ms}}\n"
          "  - snapshot: {id: s0}\n  - restore: {from: s0, resume: false}\n  - snapshot: {id: s1}\n"
          "  - restore: {from: s1}\n  - await_healthy: {within: 60s}\n  - check: all\n")}),
      0)
      << out();
}

TEST_F(Restore, OnlyWorkloadsThatTheSnapshotHasAreAsked) {
  EXPECT_EQ(run({write_scenario("before-workload",
                                "steps:\n  - boot: {}\n  - snapshot: {id: without}\n"
                                "  - start: {workload: zero-pages, as: zp, args: {resident: 1MiB, hold: 250us}}\n"
                                "  - start: {workload: ledger, as: books}\n  - snapshot: {id: with}\n"
                                "  - restore: {from: without}\n  - await_healthy: {within: 60s}\n  - check: all\n"
                                "  - restore: {from: with}\n  - await_healthy: {within: 60s}\n  - check: zp\n"
                                "  - check: books\n")}),
            0)
      << out();
}

TEST_F(Restore, HowLongCommandsAtOnceTookIsInTheResults) {
  EXPECT_EQ(run({write_scenario("stress",
                                "steps:\n  - boot: {}\n  - exec_stress: {parallel: 4, slowest: 1000}\n"
                                "  - exec_stress: {parallel: 1}\n")}),
            0)
      << out();
  const nlohmann::json stress = only_run().at("exec_stress");
  ASSERT_EQ(stress.size(), 2u);
  EXPECT_EQ(stress.at(0).at("parallel"), 4);
  EXPECT_GT(stress.at(0).at("slowest_ms").get<double>(), 0);
  EXPECT_GT(stress.at(0).at("single_ms").get<double>(), 0);
  EXPECT_EQ(stress.at(1).at("parallel"), 1);
  EXPECT_TRUE(stress.at(1).at("single_ms").is_null());
}

TEST_F(Restore, AGuestThatWasLeftPausedIsNoHang) {
  EXPECT_EQ(
      run({write_scenario("paused",
                          "steps:\n  - boot: {}\n  - start: {workload: zero-pages, as: zp, args: {resident: 1MiB}}\n"
                          "  - pause: {}\n  - check: all\nexpect: [{verdict: inconclusive}]\n")}),
      0)
      << out();
  EXPECT_TRUE(only_run().at("findings").empty());
  EXPECT_THAT(only_run().at("message").get<std::string>(), testing::HasSubstr("the guest is paused"));
}

TEST_F(Restore, AGuestThatStandsStillIsStoredAsOftenAsAsked) {
  EXPECT_EQ(run({write_scenario("twice",
                                "steps:\n  - boot: {}\n  - start: {workload: cpp-heap, as: heap}\n  - pause\n"
                                "  - snapshot: {id: s1}\n  - snapshot: {id: s2, type: diff}\n"
                                "  - restore: {from: s2, resume: false}\n  - snapshot: {id: s3}\n"
                                "  - snapshot: {id: s4}\n  - verify_snapshot: all\n"
                                "  - restore: {from: s4}\n  - await_healthy\n  - check: all\n")}),
            0)
      << out();
  EXPECT_EQ(only_run().at("pauses").size(), 4u);
}

TEST_F(Restore, OfASnapshotThatWasNotTakenIsAnErrorThatCanBeGoneOnAfter) {
  EXPECT_EQ(run({write_scenario("none",
                                "steps:\n  - boot: {}\n  - snapshot: {id: s0}\n"
                                "  - inject: {fault: abort, args: {phase: pause.store-memory}}\n"
                                "  - snapshot: {id: s1, on_error: continue}\n"
                                "  - restore: {from: s1, on_error: continue}\n"
                                "  - clone: {from: s1, on_error: continue}\n"
                                "  - exec: {command: [\"true\"]}\n  - verify_snapshot: s1\n")}),
            3);
  EXPECT_EQ(only_run().at("message"),
            "step verify_snapshot (line 13): there is no snapshot 's1': none was stored under that name; with "
            "`on_error: continue` the run goes on after it");
}

TEST_F(Restore, OfADamagedSnapshotIsFoundAsThat) {
  EXPECT_EQ(run({write_scenario("damaged",
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n"
                                "  - inject: {fault: snapshot.flip_byte, args: {snapshot: s1, file: memory}}\n"
                                "  - restore: {from: s1}\n  - await_healthy: {within: 30s}\n  - check: all\n"
                                "expect: [{verdict: fail, findings: [snapshot-corrupt]}]\n")}),
            0)
      << out();
}

TEST_F(Restore, ABootAfterARestoreIsNoRestore) {
  EXPECT_EQ(run({write_scenario("boot-again",
                                "runtime: {uffd: {prefetch: \"off\"}}\n"
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n"
                                "  - restore: {from: s1}\n  - await_healthy: {within: 60s}\n  - destroy: {}\n"
                                "  - boot: {fresh: true}\n  - await_healthy: {within: 60s}\n")}),
            0)
      << out();
  const nlohmann::json restores = only_run().at("restores");
  ASSERT_EQ(restores.size(), 1u);
  EXPECT_LT(restores.at(0).at("to_healthy_ms"), 60'000);
  EXPECT_TRUE(restores.at(0).at("phases_ms").contains("load"));
}

TEST_F(Restore, ARunWithoutAGuestIsInconclusive) {
  EXPECT_EQ(run({write_scenario("no-guest", "steps:\n  - run_for: 1ms\n  - check: all\n")}), 3) << out();
  EXPECT_EQ(only_run().at("message"), "no step has booted a guest");
}

TEST_F(Restore, ALimitOnWhatNeverHappenedIsInconclusive) {
  EXPECT_EQ(run({write_scenario("nothing-restored",
                                "limits: {restore_to_healthy: {max: 60s}}\nsteps:\n  - boot: {}\n"
                                "  - snapshot: {id: s1}\n  - restore: {from: s1}\n  - destroy: {}\n")}),
            3)
      << out();
  EXPECT_EQ(only_run().at("verdict"), "inconclusive");
  EXPECT_THAT(only_run().at("message").get<std::string>(),
              testing::HasSubstr("limits: restore_to_healthy was never measured: it takes a `restore`"));
}

}  // namespace
}  // namespace snaphammer::e2e
