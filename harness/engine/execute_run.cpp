#include "harness/engine/execute_run.h"

#include <algorithm>

#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/engine/runtime_binding.h"
#include "lib/vmm/accel_probe.h"
#include "lib/vmm/qemu/qemu_backend.h"

namespace snaphammer::engine {
namespace {

// Why a run in which nothing was found proves nothing all the same; empty when it does prove something.
std::string what_was_not_tried(RunContext& run, const report::RunResult& result, const scenario::Limits& limits) {
  if (result.accel.empty()) return "no step has booted a guest";
  const std::optional<std::string> awaited = run.phase_stop().armed();
  if (awaited) return "freeze: vCPUs were never stopped at " + *awaited;
  if (const auto idle = run.faults().idle()) return *idle;
  if (const auto measure = scenario::unmeasured_limit(limits, result)) {
    return "limits: " + *measure;
  }
  return {};
}

// Why the steps ended early, when none of the findings tells it; otherwise empty.
std::string untold_end(const Result<void>& steps, const std::vector<report::Finding>& findings) {
  if (steps) return {};
  const std::string end = steps.error().describe();
  const auto tells = [&end](const report::Finding& finding) { return end.find(finding.message) != std::string::npos; };
  return std::any_of(findings.begin(), findings.end(), tells) ? std::string() : end;
}

// What the end of the steps means for the run; `not_tried` and `ended_by` as from what_was_not_tried(), untold_end().
void conclude(report::RunResult& result, const std::string& not_tried, const Result<void>& steps,
              const Result<void>& oracles, const std::string& ended_by) {
  if (!result.findings.empty()) {
    result.verdict = report::Verdict::kFail;
    result.message = result.findings.front().id + ": " + result.findings.front().message;
    if (!ended_by.empty()) result.message += "; then the run ended: " + ended_by;
    return;
  }
  const Result<void>& failed = steps ? oracles : steps;
  if (failed) {
    result.message = not_tried;
    result.verdict = not_tried.empty() ? report::Verdict::kPass : report::Verdict::kInconclusive;
    return;
  }
  const Error& error = failed.error();
  // What was refused because of the guest's state, or made to fail by a fault, is what the scenario has led to.
  const bool scenario = error.kind() == ErrorKind::kRefused || error.kind() == ErrorKind::kUnavailable;
  const bool environment = error.kind() == ErrorKind::kUnfit || !oracles;
  result.verdict = environment || scenario ? report::Verdict::kInconclusive : report::Verdict::kError;
  result.message = error.describe();
  if (scenario) result.message += "; with `on_error: continue` the run goes on after it";
}

// The scenario asks for what this host has not: nothing is tried, and nothing said about the guest.
report::RunResult skipped(const scenario::RunPlan& plan, const Error& missing) {
  report::RunResult result;
  result.id = plan.id;
  result.scenario = plan.scenario->name;
  result.point = plan.point;
  result.seed = plan.seed;
  result.verdict = report::Verdict::kSkipped;
  result.message = missing.describe();
  result.expected = scenario::judge(plan, result).expected;
  return result;
}

}  // namespace

Async<report::RunResult> execute_run(scenario::RunPlan plan, RunPaths paths, RunEvents events) {
  const std::filesystem::path directory = std::filesystem::absolute(plan.source->file).parent_path();
  CO_SNAP_ASSIGN(GuestFiles boot, co_await guest_files(plan.scenario->vm.image, directory, paths));
  CO_SNAP_ASSIGN(vmm::VmConfig vm, vm_config(plan.scenario->vm, std::move(boot)));
  if (const auto accel = vmm::choose_accel(vm.accel); !accel) co_return skipped(plan, accel.error());
  CO_SNAP_ASSIGN(sandbox::SandboxConfig config, sandbox_config(plan.scenario->runtime, std::move(vm)));
  vmm::QemuBackend backend({.interposer = paths.installation.interposer});
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  RunContext run(executor, plan, paths, events, backend, std::move(config));

  // From here on the guest must be ended whatever happens, also when the run is cancelled.
  co_await asio::this_coro::throw_if_cancelled(false);
  Result<void> steps = co_await with_deadline(plan.scenario->timeout, "run", run.run(plan.scenario->steps));
  if (!steps && steps.error().kind() == ErrorKind::kTimeout && run.findings().empty()) {
    const std::string where = fmt::format("{}; the last step begun was {}", steps.error().message(), run.last_step());
    steps = run.fail("hang", Error(ErrorKind::kTimeout, where));
  }
  Result<void> oracles;
  if (steps || steps.error().kind() != ErrorKind::kCancelled) oracles = co_await run.check_oracles();
  co_await run.end();
  if (!steps && steps.error().kind() == ErrorKind::kCancelled) co_return steps.error();

  report::RunResult result = run.result();
  const std::string ended_by = untold_end(steps, result.findings);
  for (report::Finding& broken : scenario::check_limits(plan.scenario->limits, result)) {
    broken.at_ms = run.age_ms();
    result.findings.push_back(std::move(broken));
  }
  const std::string not_tried = what_was_not_tried(run, result, plan.scenario->limits);
  conclude(result, not_tried, steps, oracles, ended_by);
  result.expected = scenario::judge(plan, result).expected;
  // A snapshot is large, and evidence only of a run that did not go as it should.
  std::error_code ignored;
  if (result.expected) std::filesystem::remove_all(paths.snapshots(), ignored);
  co_return result;
}

}  // namespace snaphammer::engine
