// The format with all that this build registers: the documented example, the real steps, the shipped scenarios, and
// the schema as another implementation understands it.
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "harness/scenario/describe.h"
#include "harness/scenario/kinds.h"
#include "harness/scenario/plan.h"
#include "harness/scenario/schema.h"
#include "harness/scenario/testing/errors_of.h"

namespace snaphammer::scenario {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

const ReadOptions kFormatOnly{.require_available = false};

const char* const kExample = R"(version: 1
name: stale-pages-after-remove          # unique; [a-z0-9-]+
summary: A page server that ignores REMOVE hands freed pages back with old bytes.
tags: [uffd, balloon, corruption]
vm:
  backend: qemu                          # qemu | firecracker
  accel: auto                            # auto | kvm | tcg
  memory: 256MiB
  vcpus: 2
  kernel_args: [init_on_free=1, transparent_hugepage=never]
  balloon: {free_page_reporting: true}   # also: deflate_on_oom
  # image: default | {kernel: PATH, initramfs: PATH} | {root: DIR}
runtime:                                 # knobs; each default is the right behaviour
  uffd: {on_remove: zero, prefetch: "off"}
matrix:                                  # every combination is a point
  runtime.uffd.on_remove: [zero, ignore]
repeat: 3                                # runs per point, each with its own seed
seed: 1                                  # the first seed; default: random, and printed
timeout: 60s                             # for a whole run
steps:
  - boot: {}
  - start: {workload: zero-pages, as: zp, args: {resident: 150MiB}}
  - run_for: 2s
  - snapshot: {id: s1}                   # type: full | diff; runs the whole pause sequence
  - restore: {from: s1}
  - await_healthy: {within: 5s}
  - run_for: 6s
  - check: all                           # ask every workload and oracle now
expect:                                  # the first entry whose `when` matches the point decides
  - when: {runtime.uffd.on_remove: ignore}
    verdict: fail
    findings: [stale-page]               # these, each at least once, and no others
  - verdict: pass                        # otherwise; and it is the default
limits:                                  # measured; breaking one is a finding `limit`
  restore_to_healthy: {p50: 500ms, max: 3s}
)";

/// Uses every step, every form of a step, and every knob.
const char* const kEverything = R"(version: 1
name: everything
vm:
  backend: firecracker
  accel: kvm
  memory: 1GiB
  vcpus: 4
  kernel_args: [panic=1, 'quoted="a b"']
  balloon: {free_page_reporting: on, deflate_on_oom: yes}
  image: {kernel: vmlinuz, initramfs: initramfs.cpio}
runtime:
  uffd: {on_remove: stop, on_eagain: spin, event_order: as-read, prefetch: off, workers: 8, prefetch_chunk: 64KiB,
         read_retries: 0, handler: {command: ["handler", "{socket}", "{memory}"]}}
  pause: {refuse_operations: false, force_close: off, drain_grace: 0s, drop_page_cache: no, balloon: 128MiB,
          restore_service_on_abort: false}
  quiesce: {enabled: false, gc: first, single_thread: false, ports: keep, undone_by: health-check}
  restore: {listener: double-rebind, reseed: off, budgets: shared, budget_ready: 1s, budget_init: 2s, output: first,
            set_clock: false, warm_vmms: 2}
  agent: {http_limits: off, accept: serial, forwarders: abandoned}
  snapshot: {zero_blocks: unchanged, checksums: false, sync: false}
steps:
  - boot: {fresh: true}
  - start: {workload: zero-pages}
  - start: {workload: go-heap, as: books, args: {goroutines: 4}}
  - exec: {command: [sh, -c, "exit 3"], expect_exit: 3}
  - exec_stress: {parallel: 20, command: ["true"]}
  - quiesce
  - unquiesce: {}
  - pause:
  - resume: {}
  - freeze: {at: {symbol: __alloc_pages, in: kernel, hit: 100, then_steps: 3}}
  - freeze: {at: {symbol: main, in: books}}
  - freeze: {at: {random: {within: 2s}}}
  - inject: {fault: vsock.delay, as: slow, for: 2s, args: {by: 100ms}}
  - heal: slow
  - connect: {as: c1, via: vsock, port: 8080, must: die}
  - snapshot: {id: s1, type: full}
  - snapshot: {id: s2, type: diff, resume: false}
  - snapshot: {}
  - verify_snapshot: s1
  - verify_snapshot
  - restore: {from: s1, prefetch: working-set, resume: false}
  - restore: {}
  - await_healthy
  - await_healthy: 3s
  - clone: {from: s2, count: 3}
  - check: books
  - check: all
    timeout: 10s
    on_error: continue
  - loop:
      for: 1m
      steps:
        - loop: {times: 2, steps: [run_for: 1s]}
  - parallel:
      - [{run_for: 1s}, {exec: {command: [ls]}}]
      - [{inject: {fault: proxy.flood}}]
  - stop: books
  - stop: all
  - destroy
)";

TEST(Contract, TheExampleIsReadInFull) {
  const Loaded loaded = load_text("example.yaml", kExample, kFormatOnly);
  ASSERT_EQ(errors_of(loaded.diagnostics), "");
  const Scenario& scenario = loaded.scenario->first_point;
  EXPECT_EQ(scenario.name, "stale-pages-after-remove");
  EXPECT_THAT(scenario.tags, ::testing::ElementsAre("uffd", "balloon", "corruption"));
  EXPECT_EQ(scenario.vm.kernel_args.size(), 2u);
  EXPECT_TRUE(scenario.vm.balloon.free_page_reporting);
  EXPECT_EQ(scenario.runtime.uffd.prefetch, Prefetch::kOff);
  EXPECT_EQ(scenario.timeout, 60s);
  EXPECT_EQ(scenario.steps.size(), 8u);
  EXPECT_EQ(scenario.limits.by_measure.at("restore_to_healthy").p50, Duration(500ms));

  const auto runs = plan(*loaded.scenario, {}).runs;
  ASSERT_EQ(runs.size(), 6u);
  EXPECT_EQ(runs[0].id, "stale-pages-after-remove.on_remove=zero.s1");
  EXPECT_EQ(runs[0].expectation.verdict, Verdict::kPass);
  EXPECT_EQ(runs[5].id, "stale-pages-after-remove.on_remove=ignore.s3");
  EXPECT_EQ(runs[5].expectation.findings, std::vector<std::string>{"stale-page"});
}

TEST(Contract, EveryStepAndKnobIsRead) {
  const Loaded loaded = load_text("everything.yaml", kEverything, kFormatOnly);
  ASSERT_EQ(errors_of(loaded.diagnostics), "");
  const Scenario& scenario = loaded.scenario->first_point;
  const json written = Codec<Scenario>::write(scenario);
  for (const auto& [name, kind] : Catalog<StepKind>::of().all()) {
    EXPECT_THAT(written["steps"].dump(), HasSubstr("{\"" + name + "\":")) << "no step " << name;
  }
  const json defaults = Codec<RuntimeKnobs>::write(RuntimeKnobs{});
  for (const auto& [group, knobs] : defaults.items()) {
    for (const auto& [knob, right] : knobs.items()) {
      EXPECT_NE(written["runtime"][group][knob], right) << group << "." << knob << " is not tried";
    }
  }
}

TEST(Contract, ReadingWhatWasWrittenGivesTheSame) {
  const json written = Codec<Scenario>::write(load_text("", kEverything, kFormatOnly).scenario->first_point);
  Reader reader("", "", kFormatOnly);
  const auto again = read_scenario(reader, node_from_json(written));
  ASSERT_TRUE(again) << format(reader.diagnostics());
  EXPECT_EQ(Codec<Scenario>::write(*again), written);
}

TEST(Contract, ASweepOverAFreezePointIsAPointPerInstruction) {
  const Loaded loaded = load_text("sweep.yaml", R"(version: 1
name: sweep
matrix: {freeze.at.then_steps: 0..99, freeze.at.hit: [1, 1000]}
steps:
  - boot: {}
  - loop: {times: 2, steps: [{freeze: {at: {symbol: __alloc_pages}}}]}
)",
                                  kFormatOnly);
  ASSERT_EQ(errors_of(loaded.diagnostics), "");
  const auto runs = plan(*loaded.scenario, {}).runs;
  ASSERT_EQ(runs.size(), 200u);
  EXPECT_EQ(runs[199].id, "sweep.then_steps=99,hit=1000.s1");
  const json loop = runs[199].scenario->steps[1]->options();
  EXPECT_EQ(loop["steps"][0]["freeze"]["at"],
            json::parse(R"({"symbol": "__alloc_pages", "in": "kernel", "hit": 1000, "then_steps": 99})"));
}

TEST(Contract, AnUnknownFaultIsToldTheNearestOne) {
  const std::string head = "version: 1\nname: x\nsteps:\n  - boot: {}\n";
  EXPECT_THAT(errors_of(head + "  - inject: {fault: proxy.flod}\n", kFormatOnly),
              ::testing::StartsWith("5:21: unknown fault 'proxy.flod'; did you mean 'proxy.flood'? known: abort, "));
  EXPECT_EQ(errors_of(head + "  - inject: {fault: proxy.flood}\n", kFormatOnly), "");
}

TEST(Contract, EveryExampleOfARegistrationIsRead) {
  // What an example refers to is made first, except for what it makes itself.
  const std::string head =
      "version: 1\nname: x\nsteps:\n  - start: {workload: zero-pages, as: w0}\n  - snapshot: {id: s0}\n"
      "  - snapshot: {id: s00}\n  - inject: {fault: vsock.delay, as: f0}\n";
  const auto check = [&](const std::string& name, std::string example) {
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"stop: zp", "stop: w0"},
                                   {"heal: slow", "heal: f0"},
                                   {"from: s1, prefetch", "from: s0, prefetch"},
                                   {"from: s1, count", "from: s0, count"},
                                   {"verify_snapshot: s1", "verify_snapshot: s0"},
                                   {"args: {snapshot: s1", "args: {snapshot: s0"},
                                   {"with: s2", "with: s00"},
                                   {"workload: zp, pages", "workload: w0, pages"},
                                   {"workload: zp, bit", "workload: w0, bit"}}) {
      if (const auto at = example.find(from); at != std::string::npos) example.replace(at, from.size(), to);
    }
    EXPECT_EQ(errors_of(head + "  - " + example, kFormatOnly), "") << name;
  };
  for (const auto& [name, kind] : Catalog<StepKind>::of().all()) check(name, kind.example);
  for (const auto& [name, kind] : Catalog<WorkloadKind>::of().all()) check(name, kind.example);
  for (const auto& [name, kind] : Catalog<FaultKind>::of().all()) check(name, kind.example);
}

TEST(Contract, TheShippedScenariosAreValidForThisBuild) {
  const LoadedFiles files = load_paths(std::vector<fs::path>{SCENARIOS_DIRECTORY});
  EXPECT_EQ(format(files.diagnostics), "");
  for (const LoadedScenario& loaded : files.scenarios) {
    const Planned planned = plan(loaded, {});
    EXPECT_EQ(format(planned.diagnostics), "");
    EXPECT_FALSE(planned.runs.empty());
  }
}

// ---- list and describe

TEST(Topics, EveryKindIsListedAndDescribed) {
  EXPECT_EQ(listable(), (std::vector<std::string>{"faults", "findings", "knobs", "measures", "oracles", "phases",
                                                  "reports", "steps", "workloads"}));
  for (const std::string& kind : listable()) {
    for (const Topic& topic : topics(kind)) {
      EXPECT_FALSE(topic.summary.empty()) << topic.name;
      EXPECT_THAT(topic.text, HasSubstr(topic.summary)) << topic.name;
      EXPECT_EQ(topic.json.at("name"), topic.name);
    }
  }
  EXPECT_TRUE(topics("nothing").empty());
}

TEST(Topics, AKnobIsFoundByItsPath) {
  const std::vector<Topic> found = find_topics("runtime.uffd.on_remove");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text,
            "runtime.uffd.on_remove (knob)\n"
            "uffd.on_remove  What the page server does on a REMOVE event. (default: zero)\n"
            "                  zero: a removed page reads as zeros from then on\n"
            "                  ignore: the event is read and forgotten: the page comes back with its old bytes "
            "[wrenn, 2026-05-09]\n"
            "                  stop: the first event ends the serving loop [wrenn, before and after]\n");
  EXPECT_EQ(find_topics("uffd.on_remove").size(), 1u);
}

TEST(Topics, AStepShowsItsOptionsAndAnExample) {
  const Topic topic = find_topics("await_healthy").at(0);
  EXPECT_THAT(topic.text, HasSubstr("within    How long it may take. (default: 30s)\n"));
  EXPECT_THAT(topic.text, HasSubstr("timeout   How long the whole step may take.\n"));
  EXPECT_THAT(topic.text, HasSubstr("Example:\n  - await_healthy: {within: 5s}\n"));
}

// ---- the JSON Schema, by an independent validator

class Schema : public ::testing::Test {
 protected:
  void SetUp() override {
    const int status = std::system("/usr/bin/python3 -c 'import jsonschema, yaml' 2>/dev/null");
    if (status != 0) GTEST_SKIP() << "python3-jsonschema and python3-yaml are not installed";
    std::string pattern = fs::temp_directory_path() / "schema-test-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    std::ofstream(directory_ / "schema.json") << scenario_schema().dump();
    std::ofstream(directory_ / "validate.py") << R"(
import json, sys, yaml, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
errors = list(jsonschema.Draft202012Validator(schema).iter_errors(yaml.safe_load(open(sys.argv[2]))))
for error in errors:
    print('/'.join(map(str, error.absolute_path)) + ': ' + error.message[:300])
sys.exit(1 if errors else 0)
)";
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }
  /// What the validator says of a text; empty when it is valid. PyYAML reads YAML 1.1: `off` is false there.
  std::string errors_by_schema(const std::string& text) {
    const fs::path file = directory_ / "scenario.yaml";
    std::ofstream(file) << text;
    return errors_in_file(file);
  }
  std::string errors_in_file(const fs::path& file) {
    const std::string command =
        fmt::format("/usr/bin/python3 {0}/validate.py {0}/schema.json {1} 2>&1", directory_.string(), file.string());
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string output;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
    const int status = ::pclose(pipe);
    return status == 0 ? "" : output + " ";
  }

  fs::path directory_;
};

TEST_F(Schema, AcceptsWhatTheLoaderAccepts) {
  EXPECT_EQ(errors_by_schema(kExample), "");
  EXPECT_EQ(errors_by_schema(kEverything), "");
  for (const auto& file : fs::recursive_directory_iterator(SCENARIOS_DIRECTORY)) {
    if (file.path().extension() == ".yaml") {
      EXPECT_EQ(errors_in_file(file.path()), "") << file.path();
    }
  }
}

TEST_F(Schema, RefusesTypingErrors) {
  for (const char* rest :
       {"sumary: x", "vm: {memory: 256}", "vm: {memroy: 1GiB}", "runtime: {uffd: {on_remove: ignor}}", "repeat: 0",
        "timeout: 60", "expect: [{verdict: passed}]", "limits: {restore: {max: 1s}}", "matrix: {vm.memory: 1GiB}",
        "expect: [{verdict: fail, findings: [nothing]}]"}) {
    EXPECT_NE(errors_by_schema(fmt::format("version: 1\nname: x\nsteps: [boot]\n{}\n", rest)), "") << rest;
  }
  for (const char* step : {"{run: 2s}", "{run_for: 2}", "{snapshot: {it: s1}}", "{clone: {count: 2}}", "exec",
                           "{start: {workload: nothing}}", "{freeze: {at: {symbl: x}}}", "{boot: {}, check: all}"}) {
    EXPECT_NE(errors_by_schema(fmt::format("version: 1\nname: x\nsteps: [{}]\n", step)), "") << step;
  }
}

}  // namespace
}  // namespace snaphammer::scenario
