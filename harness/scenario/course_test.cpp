// Steps where they cannot work are errors before anything runs; what may work is left to the run.
#include <limits>

#include <gmock/gmock.h>

#include "harness/scenario/plan.h"
#include "harness/scenario/testing/errors_of.h"

namespace snaphammer::scenario {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Line 4 is the first step.
std::string errors_in(const std::string& steps, const std::string& more = {}) {
  return errors_of("version: 1\nname: x\nsteps:\n" + steps + more);
}

constexpr const char* kZp = "  - start: {workload: zero-pages, as: zp}\n";

TEST(Course, WithoutAGuestNothingCanBeDoneInIt) {
  EXPECT_EQ(errors_in("  - exec: {command: [ls]}\n"),
            "4:5: exec cannot work here: there is no guest; begin with `- boot: {}`\n");
  for (const char* step : {"start: {workload: zero-pages}", "quiesce", "unquiesce", "pause", "resume", "snapshot",
                           "await_healthy", "exec_stress: {}", "connect: {port: 80}", "freeze: {at: {symbol: f}}"}) {
    EXPECT_THAT(errors_in(fmt::format("  - {}\n", step)), HasSubstr("4:5: ")) << step;
    EXPECT_EQ(errors_in(fmt::format("  - boot\n  - pause\n  - destroy\n  - {}\n", step)).find("7:5: "), 0u) << step;
  }
  EXPECT_EQ(errors_in("  - boot\n  - destroy\n  - exec: {command: [ls]}\n"),
            "6:5: exec cannot work here: there is no guest since `destroy` (line 5); `boot` or `restore` before it\n");
  EXPECT_EQ(errors_in("  - run_for: 1ms\n  - check: all\n  - stop: all\n  - heal: all\n  - destroy\n"), "");
}

TEST(Course, OneStepOutOfPlaceIsOneError) {
  EXPECT_EQ(errors_in("  - exec: {command: [ls]}\n  - exec: {command: [ls]}\n  - pause\n  - resume\n"),
            "4:5: exec cannot work here: there is no guest; begin with `- boot: {}`\n");
}

TEST(Course, APausedGuestAnswersNothing) {
  EXPECT_EQ(errors_in("  - boot\n  - pause\n  - pause\n"),
            "6:5: pause cannot work here: the guest is paused since `pause` (line 5); `resume` it first\n");
  EXPECT_THAT(errors_in("  - boot\n  - snapshot: {resume: false}\n  - exec: {command: [ls]}\n"),
              StartsWith("6:5: exec"));
  EXPECT_THAT(errors_in(fmt::format("  - boot\n{}  - freeze: {{at: {{symbol: f}}}}\n  - check: all\n", kZp)),
              StartsWith("7:5: check"));
  EXPECT_THAT(errors_in("  - boot\n  - pause\n  - snapshot\n  - exec: {command: [ls]}\n"), StartsWith("7:5: exec"));
  EXPECT_EQ(errors_in("  - boot\n  - pause\n  - snapshot\n  - resume\n  - snapshot\n  - exec: {command: [ls]}\n"), "");
  EXPECT_EQ(errors_in("  - boot\n  - pause\n  - freeze: {at: {symbol: f}}\n  - snapshot\n"), "");
  EXPECT_EQ(errors_in("  - boot\n  - resume\n"),
            "5:5: resume cannot work here: the guest runs since `boot` (line 4); `pause` or `freeze` it first, "
            "or leave this step out\n");
}

TEST(Course, AWorkloadIsThereFromItsStartToItsStop) {
  const std::string started = fmt::format("  - boot\n{}", kZp);
  EXPECT_EQ(errors_in(started + "  - stop: zp\n  - check: zp\n"),
            "7:5: check cannot work here: there is no workload 'zp' in this guest; it was stopped, ended with its "
            "guest, or was started after the snapshot that was restored\n");
  EXPECT_EQ(errors_in(started + kZp),
            "6:5: start cannot work here: a workload 'zp' runs in the guest already; give it another name with `as`\n");
  EXPECT_EQ(errors_in(started + "  - stop: all\n" + kZp + "  - check: zp\n"), "");
  EXPECT_THAT(errors_in(started + "  - boot\n  - stop: zp\n"), StartsWith("7:5: stop"));
  EXPECT_EQ(errors_in(started + "  - boot\n" + kZp), "") << "Another guest, another workload of that name.";
}

TEST(Course, ARestoreBringsBackTheWorkloadsOfItsSnapshot) {
  const std::string taken = fmt::format("  - boot\n  - snapshot: {{id: s1}}\n{}  - snapshot: {{id: s2}}\n", kZp);
  EXPECT_EQ(errors_in(taken + "  - stop: zp\n  - restore: {from: s2}\n  - check: zp\n"), "");
  EXPECT_THAT(errors_in(taken + "  - restore: {from: s1}\n  - check: zp\n"), StartsWith("9:5: check"));
  EXPECT_EQ(errors_in(taken + "  - restore: {from: s1}\n" + kZp), "");
}

TEST(Course, ADiffNeedsAnEarlierSnapshot) {
  EXPECT_EQ(errors_in("  - boot\n  - snapshot: {type: diff}\n"),
            "5:5: snapshot cannot work here: there is no snapshot yet; take a full one first\n");
  EXPECT_EQ(errors_in("  - boot\n  - snapshot\n  - snapshot: {type: diff}\n"), "");
}

TEST(Course, AFaultThatActsAtOnceNeedsWhatItActsOn) {
  const auto inject = [](const std::string& fault) { return "  - inject: {fault: " + fault + "}\n"; };
  const std::vector<std::string> of_any_guest = {"vmm.kill",         "vmm.stop",          "balloon.inflate",
                                                 "balloon.deflate",  "memory.flip_bit",   "vsock.half_open",
                                                 "vsock.lose_event", "uffd.kill_handler", "uffd.stop_handler"};
  const std::vector<std::string> of_its_programs = {"agent.kill", "agent.stall", "agent.poll_health",
                                                    "agent.half_open_clients"};
  for (const std::string& fault : of_any_guest) {
    EXPECT_EQ(errors_in(inject(fault) + "  - boot\n"),
              "4:5: inject cannot work here: there is no guest; begin with `- boot: {}`\n")
        << fault;
    EXPECT_EQ(errors_in("  - boot\n  - pause\n" + inject(fault)), "") << fault;
  }
  for (const std::string& fault : of_its_programs) {
    EXPECT_THAT(errors_in(inject(fault)), HasSubstr("there is no guest")) << fault;
    EXPECT_THAT(errors_in("  - boot\n  - pause\n" + inject(fault)), HasSubstr("the guest is paused")) << fault;
    EXPECT_EQ(errors_in(inject(fault + ", when: {phase: restore.init}") + "  - boot\n"), "") << fault;
  }
  EXPECT_EQ(errors_in(inject("vsock.delay") + inject("host.cpu_hog") + inject("balloon.storm") + "  - boot\n"), "");
  const std::string lent = std::string("  - boot\n") + kZp + inject("uffd.remove, args: {workload: zp}");
  EXPECT_EQ(errors_in(lent), "");
  EXPECT_THAT(errors_in(lent + "  - stop: zp\n" + inject("memory.flip_bit, args: {workload: zp}")),
              HasSubstr("8:5: inject cannot work here: there is no workload 'zp' in this guest"));
}

TEST(Course, AFaultOfASnapshotNeedsOneThatWasTaken) {
  const std::string flip = "  - inject: {fault: snapshot.flip_byte}\n";
  const std::string swap = "  - inject: {fault: snapshot.swap_generation, args: {snapshot: s1, with: s2}}\n";
  EXPECT_THAT(errors_in("  - boot\n" + flip), HasSubstr("5:5: inject cannot work here: there is no snapshot yet"));
  EXPECT_EQ(errors_in("  - boot\n  - snapshot: {id: s1}\n" + swap + "  - snapshot: {id: s2}\n"),
            "6:5: inject cannot work here: there is no snapshot 's2' yet; the step that takes it comes later\n");
  EXPECT_EQ(errors_in("  - boot\n  - snapshot: {id: s1}\n  - snapshot: {id: s2}\n" + swap + flip), "");
  EXPECT_EQ(errors_in("  - boot\n  - parallel: [[{snapshot: {id: s1}}], [{snapshot: {id: s2}}]]\n" + swap), "");
}

TEST(Course, AStepThatMayFailIsNoError) {
  EXPECT_EQ(errors_in("  - boot\n  - pause\n  - pause: {on_error: continue}\n  - exec: {command: [ls]}\n"), "");
  EXPECT_EQ(errors_in("  - exec: {command: [ls]}\n", "expect: [{verdict: error}]\n"), "");
  EXPECT_EQ(errors_in("  - exec: {command: [ls]}\n", "expect: [{verdict: inconclusive}]\n"), "");
  EXPECT_EQ(errors_in("  - loop: {times: 2, steps: [{exec: {command: [ls]}}], on_error: continue}\n"), "");
}

TEST(Course, SideBySideNothingIsCertain) {
  EXPECT_EQ(errors_in("  - parallel: [[boot], [{exec: {command: [ls]}}]]\n  - pause\n"), "");
  EXPECT_EQ(errors_in("  - boot\n  - parallel: [[pause], [pause], [destroy]]\n  - resume\n"), "");
  EXPECT_EQ(errors_in("  - boot\n  - parallel: [[destroy, {exec: {command: [ls]}}], [boot]]\n"), "")
      << "The other branch may have booted in between.";
  EXPECT_THAT(errors_in("  - parallel: [[boot], [boot]]\n  - destroy\n  - pause\n"), StartsWith("6:5: pause"));
}

TEST(Course, EachRoundOfALoopBeginsWhereTheOneBeforeItEnded) {
  EXPECT_EQ(errors_in("  - boot\n  - loop: {times: 2, steps: [pause]}\n"),
            "5:30: pause cannot work in the second round here: the guest is paused since `pause` (line 5); `resume` it "
            "first\n");
  EXPECT_EQ(errors_in("  - boot\n  - loop: {times: 1, steps: [pause]}\n"), "");
  EXPECT_EQ(errors_in("  - boot\n  - loop: {for: 1s, steps: [pause]}\n"), "") << "It may have one round.";
  EXPECT_EQ(errors_in("  - boot\n  - loop: {times: 9, steps: [pause, resume]}\n  - exec: {command: [ls]}\n"), "");
  EXPECT_EQ(errors_in("  - loop: {times: 2, steps: [boot, {exec: {command: [ls]}}, destroy]}\n"), "");
  EXPECT_THAT(errors_in("  - boot\n  - loop: {times: 2, steps: [{loop: {times: 2, steps: [{run_for: 1s}]}}, pause]}\n"),
              HasSubstr("pause cannot work in the second round here"))
      << "Of the outer loop, after all rounds of the inner one.";
  // After one round paused, after two running: a step that needs either may be right.
  EXPECT_EQ(errors_in("  - boot\n  - loop: {for: 1s, steps: [{pause: {on_error: continue}}]}\n  - resume\n"), "");
}

TEST(Course, LoopsOfLoopsAreFollowedInBoundedTime) {
  std::string steps = "boot";
  for (int depth = 0; depth < 15; ++depth) steps = "{loop: {times: 9, steps: [" + steps + ", pause, resume]}}";
  EXPECT_EQ(errors_in("  - " + steps + "\n"), "");
}

TEST(Course, AFreezeInAPhaseNeedsASequenceThatComesThere) {
  const auto errors = [](const char* before, const char* phase, const char* after = "") {
    return errors_in(
        fmt::format("  - boot\n  - snapshot\n{}  - freeze: {{at: {{phase: \"{}\"}}}}\n{}", before, phase, after));
  };
  EXPECT_EQ(errors("  - restore\n", "restore.init"), "");
  EXPECT_EQ(errors("  - restore\n", "restore.init", "  - resume\n"), "");
  EXPECT_EQ(errors("", "restore.init", "  - restore\n  - snapshot\n  - restore\n"), "");
  EXPECT_EQ(errors("", "restore.ready", "  - restore\n  - resume\n"), "");
  EXPECT_EQ(errors("", "pause.freeze", "  - snapshot\n  - exec: {command: [ls]}\n"), "");
  EXPECT_EQ(errors("  - destroy\n", "restore.ready", "  - restore\n"), "");
  EXPECT_EQ(errors("  - restore\n  - await_healthy\n", "restore.init"),
            "8:26: no later step comes to restore.init:before; put this before the step whose sequence is to stop "
            "there: a `restore`, or a `snapshot`\n");
  EXPECT_THAT(errors("", "restore.init", "  - snapshot\n"), HasSubstr("no later step comes to restore.init"));
  EXPECT_THAT(errors("  - restore\n", "restore.ready"), HasSubstr("no later step comes to restore.ready"));
  EXPECT_THAT(errors("", "pause.freeze"), HasSubstr("no later step comes to pause.freeze"));
  EXPECT_EQ(errors_in("  - boot\n  - parallel: [[{freeze: {at: {phase: pause.freeze}}}], [snapshot]]\n"), "");
}

TEST(Course, AFreezeLetsAGuestThatStandsStillGoOn) {
  EXPECT_EQ(errors_in("  - boot\n  - pause\n  - freeze: {at: {phase: pause.freeze}}\n  - snapshot: {id: s1}\n"
                      "  - exec: {command: [ls]}\n"),
            "");
  EXPECT_EQ(errors_in("  - boot\n  - snapshot: {id: s1}\n  - freeze: {at: {phase: restore.init}}\n"
                      "  - restore: {resume: false}\n  - resume\n  - snapshot\n  - resume\n"),
            "")
      << "It stands at the phase that it came to after the first `resume`.";
  EXPECT_EQ(errors_in("  - boot\n  - snapshot: {id: s1}\n  - freeze: {at: {phase: restore.init}}\n"
                      "  - restore: {on_error: continue}\n  - restore\n  - resume\n"),
            "");
  EXPECT_EQ(errors_in("  - boot\n  - snapshot\n  - restore\n  - freeze: {at: {phase: restore.health}}\n"
                      "  - freeze: {at: {phase: restore.init}}\n  - restore\n  - resume\n"),
            "");
  EXPECT_EQ(
      errors_in("  - boot\n  - snapshot\n  - freeze: {at: {phase: pause.freeze}}\n"
                "  - freeze: {at: {phase: restore.init}}\n  - snapshot\n  - restore\n"),
      "7:5: freeze cannot work here: the freeze before it waits for pause.freeze:before; freeze at one point at a "
      "time\n");
  EXPECT_THAT(errors_in("  - boot\n  - snapshot: {id: s1}\n  - freeze: {at: {phase: restore.init}}\n"
                        "  - restore: {from: s1}\n  - destroy\n  - resume\n"),
              HasSubstr("resume cannot work here: there is no guest since `destroy` (line 8)"))
      << "A guest that has ended does not stand anywhere.";
}

TEST(Course, WhatWaitsForAHealthyGuestEndsTheRestore) {
  for (const char* step : {"pause", "exec: {command: [ls]}", "start: {workload: zero-pages}",
                           "snapshot: {resume: false}", "freeze: {at: {random: {within: 1ms}}}"}) {
    EXPECT_THAT(errors_in(fmt::format("  - boot\n  - snapshot\n  - restore\n  - {}\n"
                                      "  - freeze: {{at: {{phase: restore.health}}}}\n",
                                      step)),
                HasSubstr("no later step comes to restore.health"))
        << step;
  }
}

TEST(Course, AWorkloadMayEndByItself) {
  const std::string started = fmt::format("  - boot\n{}", kZp);
  EXPECT_EQ(errors_in(started + "  - exec: {command: [killall, zero-pages]}\n" + kZp), "");
  EXPECT_EQ(errors_in(started + "  - inject: {fault: agent.kill}\n" + kZp), "");
}

TEST(Course, AFaultOfACloneNeedsThatClone) {
  const std::string inject = "  - inject: {fault: uffd.delay, args: {guest: clone-3}}\n";
  EXPECT_EQ(errors_in(inject), "4:5: no step makes clone-3; add `- clone: {from: SNAPSHOT}`\n");
  EXPECT_EQ(errors_in(inject + "  - boot\n  - snapshot: {id: s1}\n  - clone: {from: s1, count: 2}\n"),
            "4:5: no step makes clone-3; there are 2 at most\n");
  EXPECT_EQ(errors_in(inject + "  - boot\n  - snapshot: {id: s1}\n  - clone: {from: s1, count: 3}\n"), "");
  const std::string loop =
      inject + "  - boot\n  - snapshot: {id: s1}\n  - loop: {%, steps: [{clone: {from: s1, count: 1}}]}\n";
  const auto with = [&loop](const char* rounds) { return std::string(loop).replace(loop.find('%'), 1, rounds); };
  EXPECT_EQ(errors_in(with("times: 3")), "");
  EXPECT_EQ(errors_in(with("times: 2")), "4:5: no step makes clone-3; there are 2 at most\n");
  EXPECT_EQ(errors_in(with("for: 1s")), "");
}

class Symbols final : public KnownSymbols {
 public:
  Result<void> expect(const std::string& program, const std::string& symbol) const override {
    if (symbol == "of_" + program) return {};
    return Error(ErrorKind::kInvalid, "no " + symbol + " in " + program).advise("try another");
  }
};

TEST(Course, SymbolsAreThoseOfTheProgramThatAWorkloadRuns) {
  const ReadOptions options{.symbols = std::make_shared<Symbols>()};
  const auto errors = [&options](const char* symbol, const char* in, const char* more = "") {
    return errors_of(fmt::format("version: 1\nname: x\nsteps:\n  - boot\n  - start: {{workload: go-heap, as: books}}\n"
                                 "  - freeze: {{at: {{symbol: {}, in: {}}}}}\n{}",
                                 symbol, in, more),
                     options);
  };
  EXPECT_EQ(errors("of_kernel", "kernel"), "");
  EXPECT_EQ(errors("of_go-heap", "books"), "");
  EXPECT_EQ(errors("f", "books"), "6:27: no f in go-heap; try another\n");
  EXPECT_EQ(errors("f", "kernel"), "6:27: no f in kernel; try another\n");
  EXPECT_EQ(errors("f", "kernel", "expect: [{verdict: error}]\n"), "6:27: no f in kernel; try another\n");
  EXPECT_EQ(errors_of("version: 1\nname: x\nsteps:\n  - boot\n  - start: {workload: cpp-heap, as: h}\n  - boot\n"
                      "  - start: {workload: go-heap, as: h}\n  - freeze: {at: {symbol: of_cpp-heap, in: h}}\n",
                      options),
            "")
      << "One name, two programs.";
  EXPECT_EQ(errors("f", "kernel", "vm: {image: {kernel: k, initramfs: i}}\n"), "") << "An image of the user's own.";
}

TEST(Course, ABalloonCannotTakeAllThatTheGuestHas) {
  const std::string steps = "  - boot\n  - inject: {fault: balloon.inflate, args: {by: 256MiB}}\n";
  EXPECT_EQ(errors_in(steps),
            "5:5: inject cannot work here: the guest has no more than 256MiB; take less, or give it more with "
            "`vm.memory`\n");
  EXPECT_EQ(errors_in(steps, "vm: {memory: 512MiB}\n"), "");
  EXPECT_EQ(errors_in(steps, "matrix: {vm.memory: [512MiB, 128MiB]}\n"),
            "5:5: inject cannot work here: the guest has no more than 128MiB (with vm.memory: '128MiB'); take less, or "
            "give it more with `vm.memory`\n");
}

TEST(Course, NoStepOutlastsItsRun) {
  const std::string steps = "  - boot\n  - run_for: 10m\n";
  EXPECT_EQ(errors_in(steps),
            "5:5: run_for cannot work here: it lasts 10m, and is ended after 5m; shorten it, or raise `timeout`\n");
  EXPECT_EQ(errors_in(steps, "timeout: 11m\n"), "");
  EXPECT_THAT(errors_in("  - boot\n  - run_for: {duration: 3s, timeout: 2s}\n"), HasSubstr("is ended after 2s"));
  EXPECT_EQ(errors_in("  - boot\n  - run_for: {duration: 3s, timeout: 2s, on_error: continue}\n"), "");
  EXPECT_EQ(errors_in(steps, "expect: [{verdict: fail, findings: [unhealthy]}]\n"), "") << "it waits for the failure";
}

TEST(Course, ALimitNeedsAStepThatMeasures) {
  const std::string boot = "  - boot\n";
  const std::string restored = "limits: {restore_to_healthy: {max: 3s}}\n";
  EXPECT_EQ(
      errors_in(boot, restored),
      "5:10: no step of the scenario measures 'restore_to_healthy': it takes a `restore` and, while its guest lives, "
      "an `await_healthy`; add such steps, or leave this limit out\n");
  const std::string snapshot = boot + "  - snapshot: {id: s1}\n";
  EXPECT_THAT(errors_in(snapshot, restored), HasSubstr("restore_to_healthy"));
  EXPECT_EQ(errors_in(snapshot, "limits: {pause: {max: 3s}, downtime: {max: 1s}}\n"), "");
  EXPECT_EQ(errors_in(snapshot + "  - loop: {times: 2, steps: [{restore: {from: s1}}]}\n", restored), "");
  EXPECT_EQ(errors_in(snapshot + "  - clone: {from: s1}\n", restored), "");
  EXPECT_EQ(errors_in(boot, restored + "expect: [{verdict: inconclusive}]\n"), "");
}

TEST(Course, AWorkloadCannotTakeAllThatTheGuestHas) {
  const std::string steps = "  - boot\n  - start: {workload: zero-pages, args: {resident: 256MiB}}\n";
  EXPECT_EQ(errors_in(steps),
            "5:5: start cannot work here: the guest has no more than 256MiB; take less, or give it more with "
            "`vm.memory`\n");
  EXPECT_EQ(errors_in(steps, "vm: {memory: 512MiB}\n"), "");
  EXPECT_EQ(errors_in(steps, "expect: [{verdict: error}]\n"), "") << "Nothing needs to work.";
}

TEST(ExpectedMemory, IsThatOfTheGuestAndOfAllClones) {
  const auto expected = [](const std::string& steps) {
    const Loaded loaded = load_text("a.yaml", "version: 1\nname: a\nvm: {memory: 512MiB}\nsteps:\n  - boot\n" + steps);
    EXPECT_EQ(errors_of(loaded.diagnostics), "");
    return expected_memory(plan(*loaded.scenario, {}).runs.at(0));
  };
  const std::string snapshot = "  - snapshot: {id: s1}\n";
  const ByteCount one = 768_MiB;  // With the VMM.
  EXPECT_EQ(expected(""), one);
  EXPECT_EQ(expected(snapshot + "  - restore: {from: s1}\n"), one) << "One guest after the other.";
  EXPECT_EQ(expected(snapshot + "  - clone: {from: s1, count: 3}\n  - clone: {from: s1, count: 1}\n"), 5 * one);
  EXPECT_EQ(expected(snapshot + "  - loop: {times: 4, steps: [{clone: {from: s1, count: 2}}]}\n"), 9 * one);
  EXPECT_EQ(expected(snapshot + "  - loop: {for: 1m, steps: [{clone: {from: s1, count: 2}}]}\n"),
            std::numeric_limits<ByteCount>::max());
}

}  // namespace
}  // namespace snaphammer::scenario
