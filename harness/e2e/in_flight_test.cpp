// What a pause and a restore do about operations and connections in flight, on real guests.
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class InFlight : public RealCampaign {
 protected:
  /// A guest that echoes on vsock port 5000 and, for the proxy, on the one that stands for its TCP port 8080.
  static constexpr char kEchoing[] =
      "steps:\n  - boot: {}\n"
      "  - exec: {command: [sh, -c, \"for port in 5000 73616; do\n"
      "          socat VSOCK-LISTEN:$port,fork EXEC:cat </dev/null >/dev/null 2>&1 & done\"]}\n";
  static constexpr char kRestore[] = "  - restore: {from: s1}\n  - await_healthy: {within: 30s}\n";

  double phase_ms(const std::string& name) const {
    return only_run().at("pauses").at(0).at("phases_ms").at(name).get<double>();
  }
};

TEST_F(InFlight, APauseWithNothingInFlightDoesNotWait) {
  EXPECT_EQ(run({write_scenario("idle", "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n")}), 0) << out();
  EXPECT_LT(phase_ms("drain-connections"), 4000) << "its grace is 5 s";
}

TEST_F(InFlight, AnExecThatOutlastsTheGraceIsEndedAndItsCallerIsTold) {
  EXPECT_EQ(run({write_scenario(
                "interrupted",
                "runtime: {pause: {drain_grace: 200ms}}\nsteps:\n  - boot: {}\n"
                "  - parallel: [[{exec: {command: [sleep, 60]}}],\n"
                "               [{run_for: 500ms}, {snapshot: {id: s1}}, {exec: {command: [\"true\"]}}]]\n")}),
            3);
  EXPECT_EQ(only_run().at("verdict"), "inconclusive");
  EXPECT_THAT(only_run().at("message").get<std::string>(),
              AllOf(HasSubstr("interrupted by the pause"), HasSubstr("on_error: continue")));
  EXPECT_LT(phase_ms("force-close"), 10'000);
}

// The scenario has asked for it: nothing is wrong with the guest, and the harness has not failed.
TEST_F(InFlight, WhatAFaultMadeFailLeavesTheRunInconclusive) {
  const std::string aborted =
      "steps:\n  - boot\n  - inject: {fault: abort, args: {phase: \"pause.store-memory:after\"}}\n";
  EXPECT_EQ(run({write_scenario("aborted", aborted + "  - snapshot: {id: s1}\n")}), 3) << out();
  EXPECT_EQ(only_run().at("verdict"), "inconclusive");
  EXPECT_THAT(only_run().at("message").get<std::string>(),
              AllOf(HasSubstr("step snapshot (line 8)"), HasSubstr("aborted here on purpose")));
  std::filesystem::remove_all(file("out"));
  const std::string goes_on = aborted + "  - snapshot: {id: s1, on_error: continue}\n  - snapshot: {id: s2}\n";
  EXPECT_EQ(run({write_scenario("goes-on", goes_on)}), 0) << out();
}

// The host's wait holds the pause where it refuses everything.
TEST_F(InFlight, WhatAPauseRefusesIsNoFinding) {
  EXPECT_EQ(run({write_scenario(
                "refused",
                "steps:\n  - boot: {}\n  - start: {workload: cpp-heap, as: heap}\n"
                "  - inject: {fault: host.wait, when: {phase: pause.freeze}, args: {by: 2s}}\n"
                "  - parallel:\n    - [{snapshot: {id: s1}}]\n"
                "    - [{run_for: 500ms}, {exec: {command: [\"true\"], on_error: continue}},\n"
                "       {exec_stress: {parallel: 3, on_error: continue}}, {check: heap, on_error: continue},\n"
                "       {start: {workload: spawn, on_error: continue}}, {stop: heap, on_error: continue},\n"
                "       {quiesce: {on_error: continue}}, {await_healthy: {on_error: continue}}]\n"
                "  - check: heap\n")}),
            0)
      << out();
  const std::string log = content_of(file("out") / only_run().at("artifacts").get<std::string>() / "worker.log");
  for (const char* refused : {"exec: refused", "check heap: refused", "start spawn: refused", "quiesce: refused"}) {
    EXPECT_THAT(log, HasSubstr(refused));
  }
}

TEST_F(InFlight, AnExecThatEndsWithinTheGraceIsWaitedFor) {
  EXPECT_EQ(run({write_scenario("drained",
                                "steps:\n  - boot: {}\n"
                                "  - parallel: [[{exec: {command: [sleep, 2]}}],\n"
                                "               [{run_for: 500ms}, {snapshot: {id: s1}}]]\n")}),
            0)
      << out();
  EXPECT_GT(phase_ms("drain-connections"), 500);
}

TEST_F(InFlight, ConnectionsThatAPauseDoesNotCloseLiveThroughIt) {
  EXPECT_EQ(run({write_scenario("live", "runtime: {pause: {drain_grace: 100ms, force_close: false}}\n" +
                                            std::string(kEchoing) +
                                            "  - connect: {as: direct, via: vsock, port: 5000}\n"
                                            "  - connect: {as: proxied, via: proxy, port: 8080, count: 3}\n"
                                            "  - snapshot: {id: s1}\n  - check: all\n")}),
            0)
      << out();
}

TEST_F(InFlight, OneThatMustDieAndIsLeftOpenIsFound) {
  EXPECT_EQ(run({write_scenario("left-open", "runtime: {pause: {drain_grace: 100ms, force_close: false}}\n" +
                                                 std::string(kEchoing) +
                                                 "  - connect: {as: c1, via: proxy, port: 8080, must: die}\n"
                                                 "  - snapshot: {id: s1}\n  - check: all\n")}),
            1);
  EXPECT_THAT(finding("hang").at("message").get<std::string>(),
              StartsWith("1 of the connections c1 are still open although they must end "
                         "after snapshot s1"));
}

TEST_F(InFlight, AStepWhoseGuestIsEndedBesideItIsTheScenariosDoing) {
  const std::string beside = "  - parallel: [[{exec: {command: [sleep, 60]}}], [{run_for: 300ms}, ";
  const std::string boots = "steps:\n  - boot\n  - snapshot: {id: s1}\n";
  EXPECT_EQ(run({write_scenario("destroyed", boots + beside + "destroy]]\n"),
                 write_scenario("replaced", boots + beside + "{restore: {from: s1}}, await_healthy]]\n"),
                 write_scenario("killed", boots + beside + "{inject: {fault: vmm.kill}}]]\n" +
                                              "expect: [{verdict: fail, findings: [unhealthy]}]\n")}),
            3)
      << out() << err();
  for (const int run : {0, 1}) {
    EXPECT_EQ(results().at("runs").at(run).at("verdict"), "inconclusive");
    EXPECT_THAT(results().at("runs").at(run).at("message").get<std::string>(),
                AllOf(HasSubstr("exec: the guest was ended"), HasSubstr("on_error: continue")));
  }
  EXPECT_EQ(results().at("runs").at(2).at("expected"), true) << out();
}

// Nobody listens, which the scenario has forgotten to see to; or nothing in the guest moves, which is what `must` is about.
TEST_F(InFlight, AGuestThatRefusesAConnectionIsToldFromOneThatDoesNotAnswer) {
  EXPECT_EQ(run({write_scenario("refuses", "steps:\n  - boot\n  - connect: {port: 8080, timeout: 500ms}\n"),
                 write_scenario("silent", std::string(kEchoing) + "  - inject: {fault: vmm.stop}\n"
                                                                  "  - connect: {via: vsock, port: 5000, timeout: 2s}\n"
                                                                  "expect: [{verdict: fail, findings: [hang]}]\n")}),
            3)
      << out() << err();
  EXPECT_THAT(results().at("runs").at(0).at("message").get<std::string>(),
              AllOf(HasSubstr("port 8080 of the guest takes no connection: nothing has listened there for 500ms"),
                    HasSubstr("start a program that listens there first")));
  EXPECT_EQ(results().at("runs").at(1).at("expected"), true) << out();
}

TEST_F(InFlight, ConnectionsEndWithTheirGuestAndTheNextOneIsAtTheSameAddress) {
  EXPECT_EQ(run({write_scenario("restored", "runtime: {pause: {drain_grace: 100ms}}\n" + std::string(kEchoing) +
                                                "  - snapshot: {id: s1}\n"
                                                "  - connect: {as: direct, via: vsock, port: 5000, must: die}\n"
                                                "  - connect: {as: proxied, via: proxy, port: 8080, must: die}\n" +
                                                kRestore + "  - check: all\n" +
                                                "  - connect: {as: again, via: proxy, port: 8080}\n  - check: all\n")}),
            0)
      << out();
}

TEST_F(InFlight, OneToAGuestThatComesUpWaitsForIt) {
  const std::string restored = std::string(kEchoing) + "  - snapshot: {id: s1}\n  - restore: {from: s1}\n";
  EXPECT_EQ(
      run({write_scenario("comes-up", restored + "  - connect: {as: proxied, port: 8080}\n  - check: all\n"),
           write_scenario("does-not", "runtime: {restore: {listener: double-rebind, budget_init: 3s}}\n" + restored +
                                          "  - connect: {via: vsock, port: 5000}\n"
                                          "expect: [{verdict: fail, findings: [unhealthy]}]\n")}),
      0)
      << out() << err();
}

TEST_F(InFlight, OneThatWasLostBeforeADestroyStaysLostAndOneThatTheDestroyEndsIsNot) {
  const std::string held = std::string(kEchoing) + "  - connect: {as: c1, via: proxy, port: 8080}\n";
  EXPECT_EQ(run({write_scenario("before", "runtime: {pause: {drain_grace: 200ms}}\n" + held +
                                              "  - snapshot: {id: s1, resume: false}\n  - destroy\n" + kRestore +
                                              "expect: [{verdict: fail, findings: [connection-lost]}]\n"),
                 write_scenario("by-it", held + "  - destroy\n")}),
            0)
      << out() << err();
}

TEST_F(InFlight, OneThatMustLiveAndEndsWithItsGuestIsLost) {
  EXPECT_EQ(run({write_scenario("lost", std::string(kEchoing) +
                                            "  - snapshot: {id: s1}\n"
                                            "  - connect: {as: c1, via: vsock, port: 5000, count: 2}\n" +
                                            kRestore + "  - check: all\n")}),
            1);
  EXPECT_EQ(finding("connection-lost").at("message"),
            "2 of the connections c1 ended although they must live after restore s1");
}

}  // namespace
}  // namespace snaphammer::e2e
