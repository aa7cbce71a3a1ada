// exec_stress: {parallel: 10}
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
};

void describe(Fields<ExecStress>& fields) {
  fields.add("parallel", &ExecStress::parallel, "How many at once.").between(1, 1000);
  fields.add("command", &ExecStress::command, "Program and arguments; it must exit with 0.")
      .check([](const std::vector<std::string>& command, Reader& reader, const Node& node) {
        if (command.empty()) reader.expected(node, "a program and its arguments");
      });
  fields.add("within", &ExecStress::within, "How long each may take.")
      .between(std::chrono::milliseconds(1), std::chrono::hours(1));
}

using Outcomes = std::vector<Result<agent::ExecResult>>;

Awaitable<void> run_one(sandbox::Sandbox& sandbox, const ExecStress& options, Outcomes& outcomes, std::size_t slot) {
  agent::ExecRequest request;
  request.command = options.command;
  request.timeout = options.within;
  outcomes[slot] = co_await sandbox.exec(std::move(request));
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
  co_return Result<void>();
}

const scenario::StepRegistration<ExecStress> registration{
    "exec_stress", "Runs a command many times at once, as callers do right after a restore.",
    "exec_stress: {parallel: 10}"};

}  // namespace
}  // namespace snaphammer::steps
