// Injecting, healing and accounting for faults, on real guests.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

using testing::HasSubstr;

class Faults : public RealCampaign {
 protected:
  static constexpr char kRestored[] =
      "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n  - restore: {from: s1}\n  - await_healthy: {within: 30s}\n";
  /// Of the only run's only fault.
  nlohmann::json fault() const { return only_run().at("faults").at(0); }
};

TEST_F(Faults, AFaultActsFromThePhaseOnThatItWaitsFor) {
  EXPECT_EQ(run({write_scenario("at-phase",
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n"
                                "  - inject: {fault: vsock.delay, args: {by: 5ms},\n"
                                "             when: {phase: \"restore.door:after\"}}\n"
                                "  - restore: {from: s1}\n  - await_healthy: {within: 30s}\n  - check: all\n")}),
            0)
      << out() << err();
  EXPECT_EQ(fault().at("name"), "vsock.delay");
  EXPECT_GT(fault().at("acted"), 0);
  EXPECT_GT(fault().at("first_at_ms").get<double>(), 0);
}

// Its memory comes from a snapshot only because that is faster than to boot it.
TEST_F(Faults, ABootedGuestHasNoSnapshotWhoseReadsAreDelayed) {
  EXPECT_EQ(run({write_scenario("booted",
                                "steps:\n  - boot: {}\n  - inject: {fault: uffd.delay, args: {least: 1ms}}\n"
                                "  - exec: {command: [ls, -lR, /lib]}\n")}),
            3)
      << out() << err();
  EXPECT_EQ(fault().at("acted"), 0);
}

TEST_F(Faults, AFaultIsHealedAfterItsTime) {
  EXPECT_EQ(
      run({write_scenario("for-a-time", std::string(kRestored) + "  - inject: {fault: vmm.stop, for: 1s}\n"
                                                                 "  - exec: {command: [\"true\"], timeout: 60s}\n")}),
      0)
      << out() << err();
  EXPECT_EQ(fault().at("acted"), 1);
}

TEST_F(Faults, ARunWhoseFaultNeverActedIsInconclusive) {
  EXPECT_EQ(run({write_scenario("idle", std::string(kRestored) +
                                            "  - inject: {fault: vmm.stop, when: {phase: restore.load, after: 7}}\n"
                                            "  - check: all\n")}),
            3);
  EXPECT_EQ(only_run().at("verdict"), "inconclusive");
  EXPECT_THAT(only_run().at("message").get<std::string>(),
              HasSubstr("vmm.stop was injected and never acted: a sequence came to restore.load:before 0 times"));
  EXPECT_EQ(fault().at("acted"), 0);
}

TEST_F(Faults, OneThatIsHealedBeforeItsPointDoesNotActThere) {
  EXPECT_EQ(run({write_scenario("withdrawn",
                                "steps:\n  - boot\n"
                                "  - inject: {fault: vmm.kill, as: k, when: {phase: pause.freeze}}\n"
                                "  - heal: k\n  - snapshot: {id: s1}\n  - check: all\n"),
                 write_scenario("boots",
                                "steps:\n"
                                "  - inject: {fault: vmm.kill, when: {phase: boot.vmm:after}}\n  - boot\n")}),
            3)
      << out() << err();
  EXPECT_THAT(out(), HasSubstr("came to pause.freeze:before 0 times before it was healed"));
  EXPECT_THAT(out(), HasSubstr("only `boot: {fresh: true}` comes there"));
}

// A workload that no step checks is asked before its guest ends, but not at the expense of a fault that waits for packets.
TEST_F(Faults, TheHarnessesOwnQuestionsAreNotForThem) {
  EXPECT_EQ(run({write_scenario("unmet",
                                "steps:\n  - boot\n  - start: {workload: zero-pages, as: zp}\n"
                                "  - inject: {fault: vsock.drop, args: {port: 1024, count: 1}}\n  - destroy\n")}),
            3)
      << out() << err();
  EXPECT_THAT(only_run().at("message").get<std::string>(), HasSubstr("vsock.drop was injected and never acted"));
}

TEST_F(Faults, WhatIsHealedNoLongerActs) {
  EXPECT_EQ(run({write_scenario("healed", std::string(kRestored) +
                                              "  - inject: {fault: vmm.stop, as: frozen}\n  - heal: frozen\n"
                                              "  - inject: {fault: vsock.stall, as: quiet}\n  - heal: all\n"
                                              "  - exec: {command: [\"true\"], timeout: 20s}\n"
                                              "  - inject: {fault: vsock.drop, args: {port: 9}, as: unused}\n")}),
            3)
      << "the last one never acts";
  EXPECT_THAT(only_run().at("findings"), testing::IsEmpty());
}

TEST_F(Faults, AStoppedVmmIsAnExecThatTimesOut) {
  EXPECT_EQ(run({write_scenario("stopped", std::string(kRestored) +
                                               "  - inject: {fault: vmm.stop}\n"
                                               "  - exec: {command: [\"true\"], timeout: 1s}\n"
                                               "expect: [{verdict: fail, findings: [exec-timeout]}]\n")}),
            0)
      << out() << err();
  expect_nothing_left();
}

TEST_F(Faults, ABalloonTakesMemoryAndGivesItBack) {
  EXPECT_EQ(run({write_scenario("balloon", std::string(kRestored) +
                                               "  - inject: {fault: balloon.inflate, as: b, args: {by: 64MiB}}\n"
                                               "  - heal: b\n  - check: all\n")}),
            0)
      << out() << err();
  EXPECT_EQ(fault().at("acted"), 1);
}

// The guest can spare about 60 MiB. What the balloon took beyond that would be missed by the next program that asks.
TEST_F(Faults, WhatABalloonWasHealedOfIsThereForTheNextOne) {
  EXPECT_EQ(run({write_scenario("again",
                                "vm: {memory: 256MiB, vcpus: 1}\nsteps:\n  - boot\n"
                                "  - start: {workload: zero-pages, as: zp, args: {resident: 40MiB, hold: 500ms}}\n"
                                "  - loop: {times: 3, steps: [{inject: {fault: balloon.inflate, as: b, args: {by: "
                                "80MiB}}}, {heal: b}]}\n  - check: all\n")}),
            0)
      << out();
}

TEST_F(Faults, AStormThatGetsNoMemoryHasNotActed) {
  EXPECT_EQ(run({write_scenario("no-memory",
                                "vm: {memory: 128MiB, vcpus: 1}\nsteps:\n  - boot\n"
                                "  - start: {workload: page-cache, as: files, args: {resident: 20MiB}}\n"
                                "  - run_for: 1s\n  - inject: {fault: balloon.storm, for: 1s}\n  - run_for: 2s\n")}),
            3)
      << out();
  EXPECT_THAT(only_run().at("message").get<std::string>(),
              HasSubstr("balloon.storm was injected and never acted: it acts when the guest has given up memory"));
}

TEST_F(Faults, AStormOfTheBalloonLeavesProgramsTheirMemory) {
  EXPECT_EQ(run({write_scenario("storm",
                                "vm: {memory: 256MiB}\nsteps:\n  - boot: {}\n"
                                "  - start: {workload: zero-pages, as: zp, args: {resident: 130MiB}}\n"
                                "  - inject: {fault: balloon.storm, as: s, args: {every: 2s, up_to: 128MiB}}\n"
                                "  - loop:\n      times: 5\n      steps:\n        - run_for: 1500ms\n"
                                "        - exec: {command: [dd, if=/dev/zero, of=/tmp/x, bs=1M, count=12]}\n"
                                "  - heal: s\n  - check: all\n")}),
            0)
      << out() << err();
  EXPECT_GE(fault().at("acted"), 3);
}

TEST_F(Faults, ALostTransportResetCountsWhenTheVmmSaysSoAndTheRestoreAfterItIsHealed) {
  EXPECT_EQ(run({write_scenario("lost-event",
                                "runtime: {restore: {budget_ready: 45s}}\n"
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n"
                                "  - inject: {fault: vsock.lose_event, as: lost}\n  - restore: {from: s1}\n"
                                "  - await_healthy: {within: 60s}\n  - heal: lost\n  - snapshot: {id: s2}\n"
                                "  - restore: {from: s2}\n  - await_healthy: {within: 30s}\n  - check: all\n")}),
            0)
      << out() << err();
  EXPECT_EQ(fault().at("acted"), 1);
  const nlohmann::json restores = only_run().at("restores");
  EXPECT_GT(restores.at(0).at("phases_ms").at("ready"), 15'000) << "a third of the budget";
  EXPECT_LT(restores.at(1).at("phases_ms").at("ready"), 15'000) << "its event queue has buffers again";
}

TEST_F(Faults, ACrashOfTheAgentIsAKernelPanic) {
  EXPECT_EQ(run({SCENARIOS "/faults/agent-kill.yaml"}), 0) << out() << err();
  EXPECT_EQ(fault().at("acted"), 1);
}

// With vCPUs stopped nothing in the guest dies, and nothing answers: that is neither an act nor a hang.
TEST_F(Faults, AFaultOfTheAgentWhereVcpusStandStillIsInconclusive) {
  EXPECT_EQ(run({write_scenario("kill-frozen",
                                "steps:\n  - boot: {}\n"
                                "  - inject: {fault: agent.kill, when: {phase: \"pause.freeze:after\"}}\n"
                                "  - snapshot: {id: s1}\n  - check: all\n")}),
            3)
      << out() << err();
  EXPECT_EQ(fault().at("acted"), 0);
}

// In a pause, but before the guest is prepared, or when it has gone on with its work as it should.
TEST_F(Faults, AGuestThatIsNotToBePreparedHasUndoneNothing) {
  std::vector<std::string> scenarios;
  for (const char* phase : {"drain-connections", "publish"}) {
    scenarios.push_back(write_scenario(
        phase, fmt::format("steps:\n  - boot: {{}}\n"
                           "  - inject: {{fault: agent.poll_health, when: {{phase: \"pause.{}:after\"}}}}\n"
                           "  - snapshot: {{id: s1}}\n  - check: all\n",
                           phase)));
  }
  EXPECT_EQ(run(scenarios), 0) << out() << err();
}

// There is a VMM, and no way to the agent yet: nothing was learnt of the guest.
TEST_F(Faults, OneThatCannotActAtItsPointIsNoFinding) {
  EXPECT_EQ(run({write_scenario("too-early-in-it",
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n"
                                "  - inject: {fault: agent.stall, when: {phase: \"restore.vmm:after\"}}\n"
                                "  - restore: {from: s1}\n  - check: all\n")}),
            3)
      << out() << err();
  EXPECT_THAT(only_run().at("findings"), testing::IsEmpty());
  EXPECT_THAT(only_run().at("message").get<std::string>(), HasSubstr("nobody can reach the guest yet"));
}

TEST_F(Faults, ADamagedSnapshotIsSoToWhoeverReadsIt) {
  const std::string damaged =
      "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n  - restore: {from: s1}\n  - await_healthy\n"
      "  - inject: {fault: snapshot.flip_byte, args: {snapshot: s1, file: ";
  const std::string corrupt = "expect: [{verdict: fail, findings: [snapshot-corrupt]}]\n";
  EXPECT_EQ(run({write_scenario("diff", damaged + "header}}\n  - snapshot: {id: s2, type: diff}\n" + corrupt),
                 write_scenario("clone", damaged + "memory}}\n  - clone: {from: s1, count: 2}\n" + corrupt)}),
            0)
      << out() << err();
}

TEST_F(Faults, ASnapshotCutOffUnderARestoreEndsItWithItsCause) {
  EXPECT_EQ(run({write_scenario("cut-off",
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n"
                                "  - inject: {fault: snapshot.truncate, args: {to: 4KiB}, when: {phase: "
                                "\"restore.handler:after\"}}\n  - restore: {from: s1}\n"
                                "expect: [{verdict: fail, findings: [snapshot-corrupt]}]\n")}),
            0)
      << out() << err();
  const std::string message = only_run().at("message");
  EXPECT_THAT(message,
              testing::AllOf(testing::ContainsRegex("restore\\.[a-z-]+: page server: "), HasSubstr("cut off")));
}

TEST_F(Faults, AHandOffIsSpoiledOnlyWhenItsHandlerStartedAfterwards) {
  const auto from = [](const std::string& point, const std::string& expect) {
    return "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n  - inject: {fault: uffd.bad_handoff, when: {phase: \"" +
           point + "\"}}\n  - restore: {from: s1}\n  - await_healthy\nruntime: {restore: {warm_vmms: 1}}\nexpect: [{" +
           expect + "}]\n";
  };
  EXPECT_EQ(run({write_scenario("spoiled", from("restore.handler:before", "verdict: fail, findings: [handler-died]")),
                 write_scenario("late", from("restore.handler:after", "verdict: inconclusive"))}),
            0)
      << out() << err();
}

TEST_F(Faults, ACheckWhoseConnectionIsCutIsNoHang) {
  EXPECT_EQ(run({write_scenario("cut",
                                "steps:\n  - boot\n  - start: {workload: zero-pages, as: zp}\n"
                                "  - inject: {fault: vsock.reset}\n  - check: zp\n"
                                "expect: [{verdict: fail, findings: [connection-lost]}]\n")}),
            0)
      << out() << err();
}

// Its transport is reset while it comes up, and whoever has asked before that gets no answer.
TEST_F(Faults, OneThatAsksAGuestWhichComesUpWaitsForIt) {
  const std::string lends =
      "repeat: 2\nsteps:\n  - boot\n  - start: {workload: zero-pages, as: zp, args: {resident: 40MiB}}\n"
      "  - snapshot: {id: s1}\n  - restore: {from: s1}\n";
  EXPECT_EQ(run({write_scenario("removed", lends + "  - inject: {fault: uffd.remove, args: {workload: zp}}\n"
                                                   "  - await_healthy\n  - check: all\n"),
                 write_scenario("flipped", lends + "  - inject: {fault: memory.flip_bit, args: {workload: zp}}\n"
                                                   "  - check: all\n"
                                                   "expect: [{verdict: fail, findings: [lost-write]}]\n")}),
            0)
      << out();
}

// Each page's read fails three times, and is repeated without much delay.
TEST_F(Faults, ReadErrorsThatAreRetriedDoNotMakeARestoreTooSlow) {
  const std::string restored =
      "steps:\n  - boot\n  - snapshot: {id: s1}\n"
      "  - inject: {fault: uffd.read_error, args: {times: 3}}\n"
      "  - restore: {from: s1, prefetch: \"off\"}\n  - await_healthy: {within: 30s}\n";
  EXPECT_EQ(run({write_scenario("repeated", restored)}), 0) << out();
  EXPECT_GT(fault().at("acted"), 1000);
}

TEST_F(Faults, OneThatCannotActSaysWhatToDo) {
  EXPECT_EQ(
      run({write_scenario("too-early", "steps:\n  - boot: {fresh: true}\n  - inject: {fault: uffd.kill_handler}\n")}),
      3);
  EXPECT_THAT(out(), HasSubstr("there is no restored guest"));
  std::filesystem::remove_all(file("out"));
  EXPECT_EQ(run({write_scenario("goes-on",
                                "steps:\n  - boot: {fresh: true}\n"
                                "  - inject: {fault: uffd.kill_handler, on_error: continue}\n"
                                "  - exec: {command: [\"true\"]}\n")}),
            3);
  EXPECT_THAT(only_run().at("message").get<std::string>(), HasSubstr("there is no restored guest"));
}

}  // namespace
}  // namespace snaphammer::e2e
