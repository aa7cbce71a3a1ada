// What becomes of clones after they have come up: a planted defect each that is found, and clones without any.
#include <csignal>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class LaterInClones : public RealCampaign {
 protected:
  /// Something that happens in a guest a second after its snapshot, unless it is told that it is the one that goes on.
  static std::string later(const std::string& command) {
    return "  - exec: {command: [sh, -c, \"(sleep 1; [ -e /tmp/safe ] || " + command + ") >/dev/null 2>&1 &\"]}\n" +
           "  - snapshot: {id: s1}\n  - exec: {command: [touch, /tmp/safe]}\n  - clone: {from: s1, count: 2}\n"
           "  - run_for: 3s\n";
  }
  static std::string expects(const std::string& finding) {
    return "expect: [{verdict: fail, findings: [" + finding + "]}]\n";
  }
};

TEST_F(LaterInClones, WhatGoesWrongIsFoundThoughNoStepAsks) {
  const std::string boots = "steps:\n  - boot\n";
  const std::string heap = boots + "  - start: {workload: cpp-heap, as: heap}\n";
  const std::string killed = heap + later("kill -9 $(pidof cpp-heap)");
  const std::string freezes_init =
      "{ mkdir /c && mount -t cgroup2 none /c && mkdir /c/x && echo 1 >/c/x/cgroup.procs && echo 1 "
      ">/c/x/cgroup.freeze; }";
  const std::string stale =
      "vm: {memory: 256MiB, kernel_args: [init_on_free=1, transparent_hugepage=never], balloon: {free_page_reporting: "
      "true}}\nruntime: {uffd: {on_remove: ignore}}\n" +
      boots + "  - start: {workload: zero-pages, as: zp, args: {resident: 150MiB}}\n  - run_for: 2s\n" +
      "  - snapshot: {id: s1}\n  - clone: {from: s1, count: 1}\n  - run_for: 6s\n";
  const std::string unserved = "runtime: {uffd: {read_retries: 0, prefetch: \"off\"}}\n" + heap +
                               "  - snapshot: {id: s1}\n  - clone: {from: s1, count: 2}\n"
                               "  - inject: {fault: uffd.read_error, args: {guest: clone-1, times: 100000}}\n"
                               "  - run_for: 3s\n";
  EXPECT_EQ(run({write_scenario("panics", boots + later("echo c >/proc/sysrq-trigger") + expects("kernel-fault")),
                 write_scenario("powers-off", boots + later("echo o >/proc/sysrq-trigger") + expects("unhealthy")),
                 write_scenario("killed", killed + expects("unhealthy")),
                 write_scenario("killed-and-checked", killed + "  - check: all\n" + expects("unhealthy")),
                 write_scenario("killed-and-destroyed", killed + "  - destroy\n" + expects("unhealthy")),
                 write_scenario("silent", boots + later(freezes_init) + expects("unhealthy")),
                 write_scenario("stale", stale + expects("stale-page")),
                 write_scenario("unserved", unserved + expects("handler-died"))}),
            0)
      << out();
  for (const nlohmann::json& each : results().at("runs")) {
    const nlohmann::json& found = each.at("findings").at(0);
    EXPECT_THAT(found.at("oracle").get<std::string>(), StartsWith("clone-")) << found;
    EXPECT_EQ(found.at("evidence").at("examples").at(0).at("clone"), found.at("oracle"));
    const bool dies_once = each.at("scenario").get<std::string>().starts_with("killed");
    EXPECT_TRUE(!dies_once || found.at("count") == 1) << found;
  }
}

TEST_F(LaterInClones, AVmmThatEndsByItselfProvesNothing) {
  const std::string scenario = write_scenario(
      "crash", "steps:\n  - boot\n  - snapshot: {id: s1}\n  - clone: {from: s1, count: 1}\n  - run_for: 5s\n");
  ChildProcess campaign = start({"run", scenario, "--out", file("out")});
  await_step("run_for");
  ASSERT_EQ(::kill(await_process("qemu-system"), SIGKILL), 0);  // The youngest.
  EXPECT_EQ(wait_for_exit(campaign), 3) << out() << err();
  EXPECT_EQ(only_run().at("verdict"), "inconclusive");
  EXPECT_THAT(only_run().at("message").get<std::string>(),
              AllOf(HasSubstr("clone-1"), HasSubstr("killed by signal 9")));
}

TEST_F(LaterInClones, OneWhoseHandlerHasStoppedHangs) {
  EXPECT_EQ(run({write_scenario("stopped",
                                "vm: {memory: 256MiB, vcpus: 2, balloon: {free_page_reporting: true}}\n"
                                "runtime: {uffd: {on_remove: stop, prefetch: \"off\"}}\nsteps:\n  - boot\n"
                                "  - start: {workload: zero-pages, args: {resident: 100MiB, hold: 500ms}}\n"
                                "  - snapshot: {id: s1}\n  - clone: {from: s1, count: 1}\n  - run_for: 8s\n"
                                "expect: [{verdict: fail, findings: [hang]}]\n")}),
            0)
      << out();
}

TEST_F(LaterInClones, OneThatIsNotServedWhileItStartsIsTheHandlersFailure) {
  const std::string starts =
      "steps:\n  - boot\n  - snapshot: {id: s1}\n"
      "  - inject: {fault: uffd.read_error, args: {guest: clone-2, times: 2, share: 0.3}}\n"
      "  - clone: {from: s1, count: 3}\n";
  EXPECT_EQ(run({write_scenario("once", starts + "runtime: {uffd: {read_retries: 0}}\n" +
                                            "expect: [{verdict: fail, findings: [handler-died]}]\n"),
                 write_scenario("repeatedly", starts)}),
            0)
      << out();
  const nlohmann::json died = results().at("runs").at(0).at("findings").at(0);
  EXPECT_EQ(died.at("evidence").at("examples").at(0).at("clone"), "clone-2") << died;
}

TEST_F(LaterInClones, ACheckOfAllHasTheirWorkloadsVerifyEverything) {
  const std::string zeroed_in_a_diff =
      "vm: {memory: 128MiB}\nruntime: {snapshot: {zero_blocks: unchanged}}\nsteps:\n  - boot\n"
      "  - start: {workload: zero-pages, as: zp, args: {resident: 16MiB, hold: 10m}}\n  - snapshot: {id: s1}\n"
      "  - restore: {from: s1}\n  - await_healthy\n  - check: zp\n  - snapshot: {id: d1, type: diff}\n"
      "  - clone: {from: d1, count: 2}\n  - check: all\n" +
      expects("lost-write");
  EXPECT_EQ(run({write_scenario("m6-in-clones", zeroed_in_a_diff)}), 0) << out();
  const nlohmann::json found = only_run().at("findings");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at(0).at("oracle"), "clone-1");
  EXPECT_EQ(found.at(1).at("oracle"), "clone-2");
  EXPECT_TRUE(found.at(1).at("evidence").at("examples").at(0).contains("host")) << found.at(1);
}

TEST_F(LaterInClones, EachRestoreHasItsOwnFigures) {
  EXPECT_EQ(run({write_scenario("figures",
                                "steps:\n  - boot\n  - snapshot: {id: s1}\n  - restore: {from: s1, prefetch: \"off\"}\n"
                                "  - await_healthy\n  - clone: {from: s1, count: 2}\n  - await_healthy\n"
                                "  - restore: {from: s1}\n  - await_healthy\n")}),
            0)
      << out();
  const nlohmann::json restores = only_run().at("restores");
  ASSERT_EQ(restores.size(), 4U);
  std::set<double> times;
  for (std::size_t i = 0; i < restores.size(); ++i) {
    EXPECT_EQ(restores.at(i).at("uffd").at("prefetched_pages").get<int>() > 0, i > 0) << restores.at(i);
    times.insert(restores.at(i).at("to_healthy_ms").get<double>());
  }
  EXPECT_EQ(times.size(), 4U);
}

TEST_F(LaterInClones, ThoseThatTheScenarioEndsWhileTheyStartAreItsOwnDoing) {
  std::string races;
  for (int ms = 10; ms <= 200; ms += 20) {
    races += fmt::format(
        "  - parallel: [[{{clone: {{from: s1, count: 2, on_error: continue}}}}], "
        "[{{run_for: {}ms}}, destroy]]\n",
        ms);
  }
  EXPECT_EQ(run({write_scenario("races", "vm: {memory: 128MiB, vcpus: 1}\nsteps:\n  - boot\n  - snapshot: {id: s1}\n" +
                                             races + "  - restore: {from: s1}\n  - await_healthy\n  - check: all\n")}),
            0)
      << out();
}

TEST_F(LaterInClones, ThoseThatAreWellAreSilent) {
  EXPECT_EQ(run({write_scenario(
                "well",
                "steps:\n  - boot\n  - start: {workload: cpp-heap}\n  - start: {workload: zero-pages}\n"
                "  - start: {workload: ticker}\n  - start: {workload: entropy}\n  - start: {workload: spawn}\n"
                "  - start: {workload: page-cache}\n  - start: {workload: go-heap}\n  - run_for: 1s\n"
                "  - snapshot: {id: s1}\n  - clone: {from: s1, count: 2}\n  - run_for: 4s\n  - check: all\n"
                "  - restore: {from: s1}\n  - await_healthy: {within: 30s}\n  - check: all\n  - destroy\n")}),
            0)
      << out();
}

}  // namespace
}  // namespace snaphammer::e2e
