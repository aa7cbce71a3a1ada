// exec_stress: {parallel: 10}
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "harness/engine/hang_diagnosis.h"
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"
#include "harness/steps/exec_findings.h"
#include "lib/base/log.h"
#include "lib/base/run_together.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Node;
using scenario::Reader;

struct ExecStress {
  unsigned parallel = 10;
  std::vector<std::string> command{"true"};
  Duration within = std::chrono::seconds(10);
  std::optional<double> slowest;
};

void describe(Fields<ExecStress>& fields) {
  fields.add("parallel", &ExecStress::parallel, "How many at once.").between(1, 1000);
  fields.add("command", &ExecStress::command, "Program and arguments; it must exit with 0.")
      .check([](const std::vector<std::string>& command, Reader& reader, const Node& node) {
        if (command.empty()) reader.expected(node, "a program and its arguments");
      });
  fields.add("within", &ExecStress::within, "How long each may take.")
      .between(std::chrono::milliseconds(1), std::chrono::hours(1));
  fields
      .add("slowest", &ExecStress::slowest,
           "The slowest may take at most this many times its turn: what all take one after another on the guest's "
           "vCPUs, by a single command measured right afterwards. The median of a run's steps counts.")
      .between(1, 1000);
}

void follow(const ExecStress&, Course& course) { course.needs_healthy(); }

Async<void> run_one(sandbox::Sandbox& sandbox, const ExecStress& options, Result<agent::ExecResult>& outcome) {
  agent::ExecRequest request;
  request.command = options.command;
  request.timeout = options.within;
  outcome = co_await sandbox.exec(std::move(request));
  co_return Result<void>();
}

/// All at once; a command that fails is a finding, and the error of this.
Async<Duration> slowest_at_once(const ExecStress& options, engine::RunContext& run) {
  std::vector<Result<agent::ExecResult>> outcomes(options.parallel, Error(ErrorKind::kCancelled, "cut short"));
  std::vector<Async<void>> commands;
  for (Result<agent::ExecResult>& outcome : outcomes) commands.push_back(run_one(run.sandbox(), options, outcome));
  for (Result<void>& ended : co_await run_together(std::move(commands))) CO_SNAP_TRY(std::move(ended));

  Duration slowest{};
  for (std::size_t slot = 0; slot < outcomes.size(); ++slot) {
    const Result<agent::ExecResult>& outcome = outcomes[slot];
    nlohmann::json evidence = {{"number", slot + 1}, {"of", options.parallel}, {"command", options.command}};
    if (!outcome) co_return run.fail(finding_of_exec_error(outcome.error()), outcome.error(), evidence);
    slowest = std::max(slowest, outcome->duration);
    if (outcome->success()) continue;
    const std::string end = outcome->timed_out ? "did not end in time" : describe_end(*outcome);
    if (!outcome->timed_out) evidence[engine::kCommandEnded] = end;
    const Error failed(ErrorKind::kUnavailable, fmt::format("command {} of {} {} after {:.0f} ms", slot + 1,
                                                            options.parallel, end, to_ms(outcome->duration)));
    co_return run.fail(outcome->timed_out ? "exec-timeout" : "unhealthy", failed, evidence);
  }
  co_return slowest;
}

constexpr std::size_t kSingles = 3;

// Each by itself; the median, since the guest's vCPUs are threads among others of the host.
Async<Duration> single(const ExecStress& options, engine::RunContext& run) {
  ExecStress one = options;
  one.parallel = 1;
  std::vector<Duration> times;
  while (times.size() < kSingles) {
    CO_SNAP_ASSIGN(const Duration time, co_await slowest_at_once(one, run));
    times.push_back(time);
  }
  std::sort(times.begin(), times.end());
  co_return times[kSingles / 2];
}

Async<void> execute(const ExecStress& options, engine::RunContext& run) {
  CO_SNAP_ASSIGN(const Duration slowest, co_await slowest_at_once(options, run));
  if (!options.slowest) {
    run.report(report::ExecStressReport{.parallel = options.parallel, .slowest_ms = to_ms(slowest), .single_ms = {}});
    co_return Result<void>();
  }
  CO_SNAP_ASSIGN(const Duration alone, co_await single(options, run));
  const engine::ExecTurns turns{.parallel = options.parallel,
                                .slowest = slowest,
                                .single = alone,
                                .vcpus = run.plan().scenario->vm.vcpus,
                                .limit = *options.slowest};
  log_info("run", "{} commands at once: the slowest {:.1f} ms, a single one {:.1f} ms: {:.2f} times its turn",
           options.parallel, to_ms(slowest), to_ms(alone), turns.multiple());
  run.exec_turns().push_back(turns);
  run.report(
      report::ExecStressReport{.parallel = options.parallel, .slowest_ms = to_ms(slowest), .single_ms = to_ms(alone)});
  co_return Result<void>();
}

const scenario::StepRegistration<ExecStress> registration{
    "exec_stress",
    "Runs a command many times at once, as callers do right after a restore. results.json has the time of the slowest.",
    "exec_stress: {parallel: 10}"};

}  // namespace
}  // namespace snaphammer::steps
