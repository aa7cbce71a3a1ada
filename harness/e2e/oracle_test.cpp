// Each oracle on a real guest: a planted defect that it finds, with evidence, and the same guest without it.
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Oracles = RealCampaign;

TEST_F(Oracles, AKernelPanicIsFoundWithItsCallTrace) {
  EXPECT_EQ(
      run({write_scenario("panic",
                          "steps:\n  - boot: {}\n  - exec: {command: [sh, -c, \"echo c > /proc/sysrq-trigger\"]}\n"
                          "expect: [{verdict: fail, findings: [kernel-fault]}]\n")}),
      0)
      << out();
  const nlohmann::json panic = finding("kernel-fault");
  EXPECT_EQ(panic.at("oracle"), "kernel-log");
  EXPECT_THAT(panic.at("evidence").at("examples").at(0).at("log").get<std::string>(),
              AllOf(HasSubstr("sysrq triggered crash"), HasSubstr("Call Trace")));
}

TEST_F(Oracles, AKernelThatWasAskedForNothingBadHasNoFault) {
  EXPECT_EQ(
      run({write_scenario(
          "quiet",
          "steps:\n  - boot: {}\n  - exec: {command: [sh, -c, \"echo h > /proc/sysrq-trigger\"]}\n  - check: all\n")}),
      0)
      << out();
  EXPECT_THAT(only_run().at("findings"), IsEmpty());
}

TEST_F(Oracles, AWorkloadThatNoStepChecksIsHeardWhenItHasEndedOrFoundSomething) {
  const std::string ended =
      "steps:\n  - boot\n  - start: {workload: zero-pages, as: zp}\n"
      "  - exec: {command: [sh, -c, \"kill -9 $(pidof zero-pages)\"]}\n  - run_for: 500ms\n";
  const std::string stale =
      "vm: {memory: 256MiB, vcpus: 2, kernel_args: [init_on_free=1, transparent_hugepage=never], balloon: "
      "{free_page_reporting: "
      "true}}\nruntime: {uffd: {on_remove: ignore}}\nsteps:\n  - boot\n"
      "  - start: {workload: zero-pages, as: zp, args: {resident: 150MiB}}\n  - run_for: 2s\n  - snapshot: {id: s1}\n"
      "  - restore: {from: s1}\n  - await_healthy\n  - run_for: 6s\n";
  const std::string unhealthy = "expect: [{verdict: fail, findings: [unhealthy]}]\n";
  EXPECT_EQ(
      run({write_scenario("ended", ended + unhealthy),
           write_scenario("ended-and-checked", ended + "  - check: zp\n" + unhealthy),
           write_scenario("found", stale + "expect: [{verdict: fail, findings: [stale-page]}]\n"),
           write_scenario("replaced", std::string(ended).insert(ended.find("  - exec"), "  - snapshot: {id: s1}\n") +
                                          "  - restore: {from: s1}\n  - await_healthy\n" + unhealthy),
           write_scenario("destroyed", ended + "  - destroy\n" + unhealthy),
           write_scenario("stopped", ended + "  - pause\n" + unhealthy),
           write_scenario("kept", ended + "  - snapshot: {id: s1, resume: false}\n" + unhealthy),
           write_scenario("found-and-stopped",
                          stale + "  - pause\nexpect: [{verdict: fail, findings: [stale-page]}]\n"),
           write_scenario("found-and-kept",
                          stale + "  - snapshot: {id: s2}\nexpect: [{verdict: fail, findings: [stale-page]}]\n"),
           write_scenario("booted-anew", ended + "  - boot\n" + unhealthy),
           write_scenario("well",
                          "steps:\n  - boot\n  - start: {workload: zero-pages, as: zp}\n"
                          "  - snapshot: {id: s1}\n  - restore: {from: s1}\n  - await_healthy\n  - destroy\n")}),
      0)
      << out() << err();
  const nlohmann::json runs = results().at("runs");
  for (const nlohmann::json& run : runs) {
    const std::string scenario = run.at("scenario");
    if (!scenario.starts_with("found") && scenario != "well") {
      EXPECT_EQ(run.at("message"), "unhealthy: workload zp was killed by signal 9") << scenario;
      EXPECT_EQ(run.at("findings").at(0).at("count"), 1);
    }
  }
}

// More of what the scenario itself asks for takes more: generations that are read from, connections, guests.
TEST_F(Oracles, WhatAScenarioHasMoreOfInEachCycleIsNoLeak) {
  const std::string guest = "vm: {memory: 128MiB, vcpus: 1}\nsteps:\n  - boot\n";
  EXPECT_EQ(
      run({write_scenario("generations", guest +
                                             "  - snapshot: {id: base}\n  - loop:\n      times: 9\n      steps:\n"
                                             "        - snapshot: {id: s, type: diff}\n        - restore: {from: s}\n"
                                             "        - await_healthy\n        - check: all\n"),
           write_scenario("connections", guest + "  - loop:\n      times: 9\n      steps:\n"
                                                 "        - connect: {via: vsock, port: 1024}\n        - check: all\n"),
           write_scenario("guests", guest + "  - snapshot: {id: s}\n  - loop:\n      times: 9\n      steps:\n"
                                            "        - clone: {from: s, count: 1}\n        - check: all\n")}),
      0)
      << out() << err();
}

// The balloon's thread discards memory and waits for a handler that has ended its loop; no page fault need wait yet.
TEST_F(Oracles, ARemoveThatNobodyTakesNoteOfIsAHang) {
  const auto inflated = [](const std::string& on_remove) {
    return "runtime: {uffd: {on_remove: " + on_remove +
           "}}\nsteps:\n  - boot\n  - snapshot: {id: s1}\n  - restore: {from: s1}\n  - await_healthy\n"
           "  - inject: {fault: balloon.inflate, args: {by: 64MiB}}\n";
  };
  EXPECT_EQ(run({write_scenario("stopped", inflated("stop") + "expect: [{verdict: fail, findings: [hang]}]\n"),
                 write_scenario("served", inflated("zero"))}),
            0)
      << out();
}

TEST_F(Oracles, AGuestThatIsNotServedHangsWhoeverNoticesIt) {
  const std::string hangs =
      "runtime: {uffd: {prefetch: \"off\"}, restore: {budget_ready: 5s}}\n"
      "expect: [{verdict: fail, findings: [hang]}]\n";
  const std::string snapshot = "steps:\n  - boot\n  - snapshot: {id: s1}\n";
  const std::string silent = snapshot +
                             "  - restore: {from: s1}\n  - await_healthy\n  - inject: {fault: uffd.stop_handler}\n"
                             "  - exec: {command: [sh, -c, \"cat /usr/lib/snaphammer/workloads/*\"], timeout: 2s, "
                             "on_error: continue}\n";
  const std::string at_start =
      snapshot + "  - inject: {fault: uffd.stop_handler, when: {phase: \"restore.resume\"}}\n  - restore: {from: s1}\n";
  EXPECT_EQ(run({write_scenario("command", hangs + silent),
                 write_scenario("pause", hangs + silent + "  - snapshot: {id: s2}\n"),
                 write_scenario("restore", hangs + at_start + "  - await_healthy\n"),
                 write_scenario("step", hangs + at_start + "  - await_healthy: {timeout: 3s}\n")}),
            0)
      << out();
  const auto consequences = [](const nlohmann::json& run) {
    std::vector<std::string> ids;
    for (const nlohmann::json& one : run.at("findings").at(0).at("evidence").at("consequences"))
      ids.push_back(one.at("id"));
    return ids;
  };
  const nlohmann::json runs = results().at("runs");
  EXPECT_THAT(consequences(runs.at(0)), ElementsAre("exec-timeout"));
  EXPECT_THAT(consequences(runs.at(1)), ElementsAre("exec-timeout"));
  EXPECT_THAT(consequences(runs.at(2)), ElementsAre("unhealthy"));
}

TEST_F(Oracles, AGuestThatAFailedSnapshotLeavesPausedHangsForEveryStep) {
  const std::string left =
      "runtime: {pause: {restore_service_on_abort: false}}\nexpect: [{verdict: fail, findings: [hang]}]\n"
      "steps:\n  - boot\n  - inject: {fault: snapshot.no_space}\n  - snapshot: {id: s1, on_error: continue}\n";
  EXPECT_EQ(
      run({write_scenario("exec", left + "  - exec: {command: [\"true\"], timeout: 20s}\n"),
           write_scenario("awaited", left + "  - await_healthy: {within: 10s}\n"), write_scenario("not-asked", left)}),
      0)
      << out();
}

// A pause is to its clocks what a snapshot is: whoever lets the guest go on sets them.
TEST_F(Oracles, TheClockOfAGuestThatStoodStillIsFoundUnlessItIsSet) {
  const auto standing_still = [](const std::string& steps) {
    return "steps:\n  - boot\n  - start: {workload: ticker, as: t, args: {skew: 500ms, grace: 1s}}\n" + steps +
           "  - run_for: 3s\n  - check: t\n";
  };
  const std::string wait = "  - inject: {fault: host.wait, args: {by: 3s}}\n";
  const std::string stopped = standing_still("  - pause\n" + wait + "  - resume\n");
  const std::string kept = standing_still("  - pause\n" + wait + "  - snapshot: {id: s1}\n  - resume\n");
  const std::string prepared = standing_still("  - snapshot: {id: s1, resume: false}\n" + wait + "  - resume\n");
  const std::string stored = standing_still(
      "  - inject: {fault: host.wait, args: {by: 3s}, when: {phase: \"pause.save-state\"}}\n  - snapshot: {id: s1}\n");
  const std::string unset =
      "runtime: {restore: {set_clock: false}}\nexpect: [{verdict: fail, findings: [clock-skew]}]\n";
  EXPECT_EQ(run({write_scenario("stopped", stopped), write_scenario("stopped-unset", stopped + unset),
                 write_scenario("kept", kept), write_scenario("prepared", prepared), write_scenario("stored", stored),
                 write_scenario("stored-unset", stored + unset),
                 write_scenario("not-prepared", stored + "runtime: {quiesce: {enabled: false}}\n")}),
            0)
      << out() << err();
}

TEST_F(Oracles, WhatEachLifeOfAGuestDrewIsComparedThoughNoStepAsks) {
  const std::string lives =
      "  - snapshot: {id: s1}\n  - restore: {from: s1}\n  - await_healthy\n  - run_for: 500ms\n"
      "  - restore: {from: s1}\n  - await_healthy\n  - run_for: 500ms\n";
  const std::string boots = "steps:\n  - boot\n  - start: {workload: entropy, args: {generator: ";
  const std::string differ = "expect: [{verdict: fail, findings: [not-unique]}]\n";
  EXPECT_EQ(
      run({write_scenario("seeded-once", boots + "seeded-once}}\n" + lives + differ),
           write_scenario("goes-on-and-restored-once",
                          boots +
                              "seeded-once}}\n  - snapshot: {id: s1}\n  - run_for: 500ms\n"
                              "  - restore: {from: s1}\n  - await_healthy\n  - run_for: 500ms\n" +
                              differ),
           write_scenario("reseeded", boots + "reseeded}}\n" + lives),
           write_scenario("unprepared", "runtime: {quiesce: {enabled: false}}\n" + boots + "reseeded}}\n" + lives)}),
      0)
      << out();
}

TEST_F(Oracles, AnExecThatNeverEndsIsATimeout) {
  EXPECT_EQ(
      run({write_scenario("endless", "steps:\n  - boot: {}\n  - exec: {command: [sleep, \"1000\"], timeout: 1s}\n")}),
      1);
  EXPECT_THAT(finding("exec-timeout").at("message").get<std::string>(),
              AllOf(HasSubstr("step exec (line 7)"), HasSubstr("1s")));
}

TEST_F(Oracles, AnExecThatEndsInTimeIsNone) {
  EXPECT_EQ(
      run({write_scenario("short", "steps:\n  - boot: {}\n  - exec: {command: [sleep, \"0.1\"], timeout: 30s}\n")}), 0);
}

// The control is a point of the same scenario.
TEST_F(Oracles, APageServerThatStopsAtRemoveLeavesFaultsUnread) {
  EXPECT_EQ(run({SCENARIOS "/catalogue/M2-remove-stops-server.yaml"}), 0) << out();
  const nlohmann::json runs = results().at("runs");
  for (const nlohmann::json& run : runs) {
    const std::filesystem::path diagnosis = file("out/runs/" + run.at("id").get<std::string>() + "/hang.txt");
    if (run.at("point").at("runtime.uffd.on_remove") == "zero") {
      EXPECT_THAT(run.at("findings"), IsEmpty());
      EXPECT_FALSE(std::filesystem::exists(diagnosis));
      continue;
    }
    const nlohmann::json first = run.at("findings").at(0).at("evidence");
    EXPECT_THAT(first.at("where").get<std::string>(),
                AllOf(HasSubstr("for the page-fault handler to"), HasSubstr("last event is remove of")));
    EXPECT_EQ(first.at("diagnosis"), "hang.txt");
    EXPECT_THAT(content_of(diagnosis),
                AllOf(StartsWith(first.at("where").get<std::string>()), HasSubstr("by the kernel's count"),
                      HasSubstr("== vCPUs =="), HasSubstr("qemu-system"), HasSubstr("this run's worker"),
                      HasSubstr("== end of the console ==")));
    std::string oracles;
    for (const nlohmann::json& finding : run.at("findings")) {
      oracles += finding.at("oracle").get<std::string>() + " ";
      if (finding.at("oracle") != "unresolved-faults") continue;
      const nlohmann::json evidence = finding.at("evidence").at("examples").at(0);
      EXPECT_GT(evidence.at("unread"), 0);
      EXPECT_THAT(evidence.at("last_events").dump(), HasSubstr("remove"));
    }
    EXPECT_THAT(oracles, HasSubstr("unresolved-faults"));
  }
}

}  // namespace
}  // namespace snaphammer::e2e
