// exec_stress: {parallel: 10}
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/scenario/step.h"
#include "harness/steps/exec_findings.h"
#include "lib/base/task_group.h"

namespace snaphammer::steps {
namespace {

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
           "The slowest may take at most this many times what they would take one after another on the guest's vCPUs: "
           "a single command is measured right afterwards.")
      .between(1, 1000);
}

using Outcomes = std::vector<Result<agent::ExecResult>>;

Awaitable<void> run_one(sandbox::Sandbox& sandbox, const ExecStress& options, Outcomes& outcomes, std::size_t slot) {
  agent::ExecRequest request;
  request.command = options.command;
  request.timeout = options.within;
  outcomes[slot] = co_await sandbox.exec(std::move(request));
}

constexpr std::size_t kSingles = 3;

// Each by itself; the median, since the guest's vCPUs are threads among others of the host.
Async<Duration> time_single(sandbox::Sandbox& sandbox, const ExecStress& options) {
  std::vector<Duration> times;
  while (times.size() < kSingles) {
    Outcomes outcome(1, Error(ErrorKind::kInternal, "never started"));
    co_await run_one(sandbox, options, outcome, 0);
    CO_SNAP_TRY(outcome.front());
    times.push_back(outcome.front()->duration);
  }
  std::sort(times.begin(), times.end());
  co_return times[kSingles / 2];
}

Async<void> compare_slowest(const ExecStress& options, const Outcomes& outcomes, engine::RunContext& run) {
  Duration slowest{};
  for (const auto& outcome : outcomes) slowest = std::max(slowest, outcome->duration);
  auto single = co_await time_single(run.sandbox(), options);
  if (!single) co_return run.fail(finding_of_exec_error(single.error()), single.error());
  const double rounds = std::max(1.0, static_cast<double>(options.parallel) / run.plan().scenario->vm.vcpus);
  const double most_ms = *options.slowest * rounds * to_ms(*single);
  if (to_ms(slowest) <= most_ms) co_return Result<void>();
  run.report({.id = "limit",
              .oracle = "exec_stress",
              .message = fmt::format("the slowest of {} commands at once took {:.1f} ms, more than {:.1f} ms: a single "
                                     "one takes {:.1f} ms",
                                     options.parallel, to_ms(slowest), most_ms, to_ms(*single)),
              .evidence = {{"slowest_ms", to_ms(slowest)},
                           {"limit_ms", most_ms},
                           {"single_ms", to_ms(*single)},
                           {"parallel", options.parallel},
                           {"vcpus", run.plan().scenario->vm.vcpus}}});
  co_return Result<void>();
}

Async<void> execute(const ExecStress& options, engine::RunContext& run) {
  Outcomes outcomes(options.parallel, Error(ErrorKind::kInternal, "never started"));
  TaskGroup tasks(co_await asio::this_coro::executor);
  for (std::size_t slot = 0; slot < outcomes.size(); ++slot) {
    tasks.spawn(run_one(run.sandbox(), options, outcomes, slot));
  }
  co_await tasks.wait_idle();

  for (std::size_t slot = 0; slot < outcomes.size(); ++slot) {
    const Result<agent::ExecResult>& outcome = outcomes[slot];
    const nlohmann::json evidence = {{"number", slot + 1}, {"of", options.parallel}, {"command", options.command}};
    if (!outcome) co_return run.fail(finding_of_exec_error(outcome.error()), outcome.error(), evidence);
    if (outcome->success()) continue;
    const Error failed(ErrorKind::kUnavailable,
                       fmt::format("command {} of {} {} after {:.0f} ms; {}", slot + 1, options.parallel,
                                   outcome->timed_out ? "did not end in time" : outcome->end.describe(),
                                   to_ms(outcome->duration), outcome->error));
    co_return run.fail(outcome->timed_out ? "exec-timeout" : "unhealthy", failed, evidence);
  }
  if (options.slowest) co_return co_await compare_slowest(options, outcomes, run);
  co_return Result<void>();
}

const scenario::StepRegistration<ExecStress> registration{
    "exec_stress", "Runs a command many times at once, as callers do right after a restore.",
    "exec_stress: {parallel: 10}"};

}  // namespace
}  // namespace snaphammer::steps
