// More than a hundred scenarios with one mistake each. Every answer names the fault and its place.
#include <gmock/gmock.h>

#include "harness/scenario/testing/errors_of.h"

namespace snaphammer::scenario {
namespace {

struct Malformed {
  const char* text;   ///< What follows `version: 1` and `name: x` in lines 1 and 2; or all, when it begins with '!'.
  const char* place;  ///< LINE:COLUMN
  const char* fault;  ///< A part of the message.
};

#define STEPS "steps: [boot]\n"

const Malformed kMalformed[] = {
    // the file as such
    {"!", "0:0", "expected a scenario, got nothing"},
    {"!\n\n# nothing\n", "0:0", "expected a scenario, got nothing"},
    {"!scenario", "1:1", "expected a scenario, got 'scenario'"},
    {"!- boot: {}\n", "1:1", "expected a scenario, got a list"},
    {"!version: 1\nname: x\nsteps: [boot\n", "4:1", "close the '[' of line 3, column 8"},
    {"!version: 1\nname: x\nsteps: {boot\n", "4:1", "close the '{' of line 3, column 8"},
    {"!version: 1\n\tname: x\n", "2:1", "a tab indents this line"},
    {"!version: 1\nname: \"x\n" STEPS, "2:7", "a quote that is never closed"},
    {"!version: 1\nname: x\nsteps: [boot, {start: {workload: ticker, as: all}}]\n", "3:46",
     "'all' stands for every workload"},
    {"!version: 1\nname: x\n" STEPS "---\nversion: 1\n", "4:1", "a second document"},
    {"!version: 1\nname: !!str x\n" STEPS, "2:7", "a tag"},
    {"!version: 1\nname: \xff\n", "2:7", "byte 0xff is not text"},
    {"!version: 1\nname: x\x01y\n", "2:8", "byte 0x01 is not text"},
    {"!version: 1\nname: *nobody\n" STEPS, "2:7", "nothing has this name"},
    {"!version: 1\nname: &a [*a]\n" STEPS, "2:11", "an alias inside of what it stands for"},
    {"!? {a: b}\n: 1\n", "1:3", "a key that is a list or a map"},
    {"!<<: 5\nversion: 1\n", "1:5", "expected a map to merge"},
    // the top level
    {"!name: x\n" STEPS, "1:1", "key 'version' is missing"},
    {"!version: 1\n" STEPS, "1:1", "key 'name' is missing"},
    {"summary: no steps", "1:1", "key 'steps' is missing"},
    {"!version: 2\nname: x\n" STEPS, "1:10", "version: expected a whole number from 1 to 1, got '2'"},
    {"!version: '1'\nname: x\n" STEPS, "1:10", "version: expected a whole number"},
    {"!version: one\nname: x\n" STEPS, "1:10", "version: expected a whole number"},
    {"!version: 1\nname: Some Name\n" STEPS, "2:7", "name: expected a name of a-z"},
    {"!version: 1\nname: -x\n" STEPS, "2:7", "name: expected a name of a-z"},
    {"!version: 1\nname:\n" STEPS, "2:1", "name: expected text, got nothing"},
    {"!version: 1\nname: [x]\n" STEPS, "2:7", "name: expected text, got a list"},
    {"!version: 1\nname: ../../etc\n" STEPS, "2:7", "name: expected a name of a-z"},
    {"name: y\n" STEPS, "3:1", "key 'name' is there twice; first in line 2"},
    {STEPS "Steps: [boot]\n", "4:1", "unknown key 'Steps'; did you mean 'steps'?"},
    {STEPS "sumary: x\n", "4:1", "unknown key 'sumary'; did you mean 'summary'?"},
    {STEPS "summary: {a: b}\n", "4:10", "summary: expected text, got a map"},
    {STEPS "tags: uffd\n", "4:7", "tags: expected a list, got 'uffd'"},
    {STEPS "tags: [[a]]\n", "4:8", "tags.0: expected text, got a list"},
    {STEPS "repeat: 0\n", "4:9", "repeat: expected a whole number from 1 to 10000, got '0'"},
    {STEPS "repeat: 1.5\n", "4:9", "repeat: expected a whole number"},
    {STEPS "repeat: -3\n", "4:9", "repeat: expected a whole number"},
    {STEPS "repeat: 99999999999999999999\n", "4:9", "repeat: expected a whole number"},
    {STEPS "seed: random\n", "4:7", "seed: expected a whole number from 0, got 'random'"},
    {STEPS "seed: -1\n", "4:7", "seed: expected a whole number from 0, got '-1'"},
    {STEPS "timeout: 60\n", "4:10", "timeout: '60' is not a duration: no unit"},
    {STEPS "timeout: 0s\n", "4:10", "timeout: expected a duration such as 250ms from 1ms to 168h, got '0s'"},
    {STEPS "timeout: -5s\n", "4:10", "timeout: '-5s' is not a duration: negative"},
    // vm
    {STEPS "vm: qemu\n", "4:5", "vm: expected a map"},
    {STEPS "vm: {backend: xen}\n", "4:15", "vm.backend: expected one of qemu, firecracker, got 'xen'"},
    {STEPS "vm: {backend: qmeu}\n", "4:15", "did you mean 'qemu'?"},
    {STEPS "vm: {accel: hvf}\n", "4:13", "vm.accel: expected one of auto, kvm, tcg, got 'hvf'"},
    {STEPS "vm: {memory: 256}\n", "4:14", "vm.memory: '256' is not a size: no unit"},
    {STEPS "vm: {memory: 256MB}\n", "4:14", "vm.memory: '256MB' is not a size: unknown unit"},
    {STEPS "vm: {memory: 1MiB}\n", "4:14", "vm.memory: expected a size such as 256MiB from 64MiB to 1TiB, got '1MiB'"},
    {STEPS "vm: {memory: 65MiB}\n", "4:14", "vm.memory: expected a multiple of 2MiB, got '65MiB'"},
    {STEPS "vm: {memory: 126MiB}\n", "4:14", "vm.memory: 126MiB are too little for the default image"},
    {STEPS "vm: {memory: 99999999TiB}\n", "4:14", "vm.memory: '99999999TiB' is not a size: too large"},
    {STEPS "vm: {vcpus: 0}\n", "4:13", "vm.vcpus: expected a whole number from 1 to 64, got '0'"},
    {STEPS "vm: {vcpus: two}\n", "4:13", "vm.vcpus: expected a whole number"},
    {STEPS "vm: {vcpu: 2}\n", "4:6", "unknown key 'vcpu' in vm; did you mean 'vcpus'?"},
    {STEPS "runtime: {pause: {balloon: 1GiB}}\n", "4:10", "runtime.pause.balloon: 1GiB of the guest's 256MiB"},
    {STEPS "vm: {kernel_args: quiet}\n", "4:19", "vm.kernel_args: expected a list, got 'quiet'"},
    {STEPS "vm: {kernel_args: [\"a\\nb\"]}\n", "4:20", "vm.kernel_args: expected one kernel argument"},
    {STEPS "vm: {balloon: on}\n", "4:15", "vm.balloon: expected a map (free_page_reporting, deflate_on_oom), got 'on'"},
    {STEPS "vm: {balloon: {free_page_reporting: 1}}\n", "4:37",
     "vm.balloon.free_page_reporting: expected true or false"},
    {STEPS "vm: {image: defualt}\n", "4:13", "did you mean 'default'?"},
    {STEPS "vm: {image: {kernel: k}}\n", "4:13", "key 'initramfs' is missing in vm.image"},
    {STEPS "vm: {image: {rot: d}}\n", "4:13", "did you mean 'root'?"},
    {STEPS "vm: {image: {kernel: k, initramfs: i, root: r}}\n", "4:39", "unknown key 'root' in vm.image"},
    // runtime
    {STEPS "runtime: [uffd]\n", "4:10", "runtime: expected a map"},
    {STEPS "runtime: {ufd: {}}\n", "4:11", "unknown key 'ufd' in runtime; did you mean 'uffd'?"},
    {STEPS "runtime: {uffd: {on_remov: zero}}\n", "4:18",
     "unknown key 'on_remov' in runtime.uffd; did you mean 'on_remove'?"},
    {STEPS "runtime: {uffd: {on_remove: ignor}}\n", "4:29", "did you mean 'ignore'?"},
    {STEPS "runtime: {uffd: {on_remove: {zero: 1}}}\n", "4:29",
     "runtime.uffd.on_remove: expected one of zero, ignore, stop, got a map"},
    {STEPS "runtime: {uffd: {prefetch: \"on\"}}\n", "4:28",
     "runtime.uffd.prefetch: expected one of all, off, working-set, got 'on'"},
    {STEPS "runtime: {uffd: {workers: 0}}\n", "4:27", "runtime.uffd.workers: expected a whole number from 1 to 64"},
    {STEPS "runtime: {uffd: {prefetch_chunk: 1B}}\n", "4:34", "runtime.uffd.prefetch_chunk: expected a size"},
    {STEPS "runtime: {uffd: {handler: {command: []}}}\n", "4:37",
     "runtime.uffd.handler.command: expected a program and its arguments"},
    {STEPS "runtime: {uffd: {handler: external}}\n", "4:27",
     "runtime.uffd.handler: expected one of builtin, {command: ...}, got 'external'"},
    {STEPS "runtime: {pause: {balloon: automatic}}\n", "4:28", "runtime.pause.balloon: 'automatic' is not a size"},
    {STEPS "runtime: {pause: {drain_grace: 5}}\n", "4:32", "runtime.pause.drain_grace: '5' is not a duration"},
    {STEPS "runtime: {quiesce: {gc: never}}\n", "4:25",
     "runtime.quiesce.gc: expected one of last, first, off, got 'never'"},
    {STEPS "runtime: {restore: {reseed: maybe}}\n", "4:29",
     "runtime.restore.reseed: expected true or false, got 'maybe'"},
    {STEPS "runtime: {restore: {listener: rebind}}\n", "4:31",
     "runtime.restore.listener: expected one of handshake, double-rebind, untouched"},
    {STEPS "runtime: {snapshot: {checksums: sha256}}\n", "4:33", "runtime.snapshot.checksums: expected true or false"},
    // steps
    {"steps: boot\n", "3:8", "steps: expected a list of steps, got 'boot'"},
    {"steps: []\n", "3:8", "a scenario without steps does nothing"},
    {"steps: [bot]\n", "3:9", "unknown step 'bot'; did you mean 'boot'?"},
    {"steps: [{boot: {}, check: all}]\n", "3:20", "a second step 'check' in one list entry"},
    {"steps: [{timeout: 1s}]\n", "3:9", "no step beside its options"},
    {"steps: [7]\n", "3:9", "unknown step '7'"},
    {"steps: [[boot]]\n", "3:9", "steps.0: expected a step"},
    {"steps: [{boot: {fersh: true}}]\n", "3:17", "unknown key 'fersh' in steps.0.boot; did you mean 'fresh'?"},
    {"steps: [{boot: fresh}]\n", "3:16", "steps.0.boot: expected a map (fresh, timeout, on_error), got 'fresh'"},
    {"steps: [run_for]\n", "3:9", "key 'duration' is missing in steps.0.run_for"},
    {"steps: [{run_for: 2}]\n", "3:19", "steps.0.run_for: '2' is not a duration: no unit"},
    {"steps: [{run_for: 2 s}]\n", "3:19", "steps.0.run_for: '2 s' is not a duration: unknown unit"},
    {"steps: [{run_for: [1s]}]\n", "3:19", "steps.0.run_for: expected a duration such as 250ms, got a list"},
    {"steps: [{run_for: 1000h}]\n", "3:19", "from 0ns to 24h, got '1000h'"},
    {"steps: [{exec: {}}]\n", "3:16", "key 'command' is missing in steps.0.exec"},
    {"steps: [{exec: {command: ls}}]\n", "3:26", "steps.0.exec.command: expected a list, got 'ls'"},
    {"steps: [{exec: {command: []}}]\n", "3:26", "steps.0.exec.command: expected a program and its arguments"},
    {"steps: [{exec: {command: [ls], expect_exit: 256}}]\n", "3:45",
     "expected a whole number from 0 to 255, got '256'"},
    {"steps: [{exec_stress: {parallel: 0}}]\n", "3:34",
     "steps.0.exec_stress.parallel: expected a whole number from 1 to 1000"},
    {"steps: [{start: {}}]\n", "3:17", "key 'workload' is missing in steps.0.start"},
    {"steps: [{start: {workload: zero-page}}]\n", "3:28", "unknown workload 'zero-page'; did you mean 'zero-pages'?"},
    {"steps: [{start: {workload: zero-pages, as: 'a b'}}]\n", "3:44", "steps.0.start.as: expected a name of letters"},
    {"steps: [{start: {workload: zero-pages, args: {residnet: 1MiB}}}]\n", "3:47",
     "unknown key 'residnet' in steps.0.start.args; did you mean 'resident'?"},
    {"steps: [{start: {workload: zero-pages, args: {resident: big}}}]\n", "3:57",
     "steps.0.start.args.resident: 'big' is not a size"},
    {"steps: [{stop: zp}]\n", "3:16", "no earlier step makes workload 'zp'"},
    {"steps: [{start: {workload: zero-pages, as: zp}}, {check: zq}]\n", "3:58",
     "no earlier step makes workload 'zq'; did you mean 'zp'?"},
    {"steps: [{check: al}]\n", "3:17", "no earlier step makes workload 'al'; did you mean 'all'?"},
    {"steps: [{strat: {workload: zero-pages}}, {check: zero-pages}]\n", "3:10", "did you mean 'start'?"},
    {"steps: [{snapshot: {id: s1}}, {inject: {fault: snapshot.swap_generation, args: {snapshot: s1, with: s1}}}]\n",
     "3:101", "a snapshot cannot be swapped with itself"},
    {"steps: [{freeze: {at: {phase: pause.prepare}}}]\n", "3:31",
     "expected a phase at which vCPUs run and nothing else needs them"},
    {"steps: [{check: {}}]\n", "3:17", "key 'workload' is missing in steps.0.check"},
    {"steps: [{snapshot: {id: 'a/b'}}]\n", "3:25", "steps.0.snapshot.id: expected a name of letters"},
    {"steps: [{snapshot: {id: s1, type: ful}}]\n", "3:35", "did you mean 'full'?"},
    {"steps: [{snapshot: {id: s1}}, {snapshot: {id: s1}}]\n", "3:47", "snapshot 's1' is there already, from line 3"},
    {"steps: [{restore: {from: s1}}]\n", "3:26", "no earlier step makes snapshot 's1'"},
    {"steps: [restore]\n", "3:9", "no earlier step makes a snapshot to restore"},
    {"steps: [{snapshot: {id: s1}}, {restore: {from: s2}}]\n", "3:48", "did you mean 's1'?"},
    {"steps: [{restore: {from: s1}}, {snapshot: {id: s1}}]\n", "3:26", "no earlier step makes snapshot 's1'"},
    {"steps: [{snapshot: {id: s1}}, {clone: {from: s1, count: 0}}]\n", "3:57",
     "steps.1.clone.count: expected a whole number from 1 to 64"},
    {"steps: [{await_healthy: {within: 5}}]\n", "3:34", "steps.0.await_healthy.within: '5' is not a duration"},
    {"steps: [{await_healthy: {withn: 5s}}]\n", "3:26", "did you mean 'within'?"},
    {"steps: [{freeze: {}}]\n", "3:18", "key 'at' is missing in steps.0.freeze"},
    {"steps: [{freeze: {at: {symbol: 'a b'}}}]\n", "3:32", "steps.0.freeze.at.symbol: expected the name of a symbol"},
    {"steps: [{freeze: {at: {symbol: f, hit: 0}}}]\n", "3:40", "steps.0.freeze.at.hit: expected a whole number from 1"},
    {"steps: [{freeze: {at: {symbol: f, in: nobody}}}]\n", "3:39", "no earlier step makes workload 'nobody'"},
    {"steps: [{freeze: {at: {phase: no.such.phase}}}]\n", "3:31", "unknown phase 'no.such.phase'"},
    {"steps: [{freeze: {at: now}}]\n", "3:23", "steps.0.freeze.at: expected one of {symbol: ...,"},
    {"steps: [{inject: {fault: vsock.dorp}}]\n", "3:26", "unknown fault 'vsock.dorp'"},
    {"steps: [{inject: {fault: vsock.drop, for: ever}}]\n", "3:43", "steps.0.inject.for: 'ever' is not a duration"},
    {"steps: [{inject: {fault: abort}}]\n", "3:26", "abort: neither `when` nor `args: {phase: ...}` says where"},
    {"steps: [{inject: {fault: snapshot.swap_generation, args: {snapshot: s1, with: s2}}}, {snapshot: {id: s2}}]\n",
     "3:69", "no step makes snapshot 's1'; did you mean 's2'?"},
    {"steps: [{inject: {fault: snapshot.truncate, args: {snapshot: s9}}}]\n", "3:62", "no step makes snapshot 's9'"},
    {"steps: [{inject: {fault: uffd.delay, args: {guest: clone-0}}}]\n", "3:52", "expected guest, all, or a clone"},
    {"steps: [{heal: f1}]\n", "3:16", "no earlier step makes fault 'f1'"},
    {"steps: [{connect: {port: 70000}}]\n", "3:26", "steps.0.connect.port: expected a whole number from 1 to 65535"},
    {"steps: [{verify_snapshot: s9}]\n", "3:27", "no earlier step makes snapshot 's9'"},
    {"steps: [{loop: {steps: [boot]}}]\n", "3:16", "one of `times`, `for` is missing in steps.0.loop"},
    {"steps: [{loop: {times: 1, for: 1s, steps: [boot]}}]\n", "3:16", "only one of `times`, `for` can be given"},
    {"steps: [{loop: {times: 2}}]\n", "3:16", "key 'steps' is missing in steps.0.loop"},
    {"steps: [{loop: {times: 2, steps: []}}]\n", "3:34", "expected at least one step"},
    {"steps: [{loop: {times: 2, steps: [{bot: {}}]}}]\n", "3:36", "unknown step 'bot'"},
    {"steps: [{parallel: [[boot]]}]\n", "3:20", "expected at least two lists of steps"},
    {"steps: [{parallel: [[boot], []]}]\n", "3:29", "expected at least one step"},
    {"steps: [{parallel: [[boot], check]}]\n", "3:29", "expected a list of steps, got 'check'"},
    {"steps: [{boot: {on_error: stop}}]\n", "3:27",
     "steps.0.boot.on_error: expected one of fail, continue, got 'stop'"},
    {"steps: [{boot: {timeout: 5}}]\n", "3:26", "steps.0.boot.timeout: '5' is not a duration"},
    // matrix
    {STEPS "matrix: [a]\n", "4:9", "matrix: expected a map from paths"},
    {STEPS "matrix: {vm.memory: 1GiB}\n", "4:21", "expected a list of values, or a range"},
    {STEPS "matrix: {vm.memory: []}\n", "4:21", "matrix.vm.memory: no values"},
    {STEPS "matrix: {vm.memory: [1GiB, 1GiB]}\n", "4:28", "vm.memory has the value '1GiB' twice"},
    {STEPS "matrix: {vm.memory: [1G]}\n", "4:22", "vm.memory: '1G' is not a size"},
    {STEPS "matrix: {vm.memori: [1GiB]}\n", "4:10", "unknown key 'memori' in vm; did you mean 'memory'?"},
    {STEPS "matrix: {uffd.workers: [1]}\n", "4:10", "did you mean 'runtime.uffd.workers'?"},
    {STEPS "matrix: {restore.prefetch: [all]}\n", "4:10", "the scenario has no step 'restore'"},
    {STEPS "matrix: {steps.7.fresh: [true]}\n", "4:10", "no step '7'"},
    {STEPS "matrix: {seed: 1..5}\n", "4:10", "'seed' cannot be varied"},
    {STEPS "matrix: {vm.vcpus: 4..1}\n", "4:20", "an empty range"},
    {STEPS "matrix: {vm.vcpus: 1..100}\n", "4:20", "vm.vcpus: expected a whole number from 1 to 64, got '65'"},
    // expect
    {STEPS "expect: pass\n", "4:9", "expect: expected a list, got 'pass'"},
    {STEPS "expect: [{verdict: passed}]\n", "4:20", "expect.0.verdict: expected one of pass, fail, inconclusive"},
    {STEPS "expect: [{findings: hang}]\n", "4:21", "expect.0.findings: expected a list, got 'hang'"},
    {STEPS "expect: [{verdict: fail, findings: [stalepage]}]\n", "4:37", "did you mean 'stale-page'?"},
    {STEPS "expect: [{verdict: pass, findings: [hang]}]\n", "4:36", "a run that ends with pass has no findings"},
    {STEPS "expect: [{verdict: fail}, {verdict: pass}]\n", "4:27", "no run reaches this entry"},
    {STEPS "expect: [{when: {vm.memory: 1GiB}}]\n", "4:18", "'vm.memory' is not in the matrix"},
    {STEPS "matrix: {vm.vcpus: [1, 2]}\nexpect: [{when: {vm.vcpus: 3}}]\n", "5:28",
     "the matrix never sets vm.vcpus to '3'"},
    // limits
    {STEPS "limits: 3s\n", "4:9", "limits: expected a map"},
    {STEPS "limits: {boot: {max: 3s}}\n", "4:10", "unknown measure 'boot'"},
    {STEPS "limits: {downtime: 3s}\n", "4:20", "limits.downtime: expected a map"},
    {STEPS "limits: {downtime: {p95: 3s}}\n", "4:21", "unknown key 'p95' in limits.downtime"},
    {STEPS "limits: {downtime: {max: 3}}\n", "4:26", "limits.downtime.max: '3' is not a duration"},
};

std::string text_of(const Malformed& malformed) {
  const std::string text = malformed.text;
  return text.starts_with('!') ? text.substr(1) : "version: 1\nname: x\n" + text;
}

std::ostream& operator<<(std::ostream& out, const Malformed& malformed) { return out << malformed.fault; }

class MalformedScenario : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedScenario, IsAnsweredByItsFaultAndPlace) {
  const Loaded loaded = load_text("test.yaml", text_of(GetParam()), {.require_available = false});
  EXPECT_FALSE(loaded.scenario.has_value());
  bool found = false;
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    const std::string line = errors_of(std::vector{diagnostic});
    found |= line.starts_with(std::string(GetParam().place) + ":") && line.find(GetParam().fault) != std::string::npos;
  }
  EXPECT_TRUE(found) << text_of(GetParam()) << "\nwas answered by\n" << format(loaded.diagnostics);
  // One mistake is one error, so that a reader is not sent to places where nothing is wrong.
  EXPECT_EQ(loaded.diagnostics.size(), 1u) << format(loaded.diagnostics);
}

INSTANTIATE_TEST_SUITE_P(All, MalformedScenario, ::testing::ValuesIn(kMalformed));

TEST(Malformed, ThereAreMoreThanAHundred) { EXPECT_GT(std::size(kMalformed), 100u); }

}  // namespace
}  // namespace snaphammer::scenario
