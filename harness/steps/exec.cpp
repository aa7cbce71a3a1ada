// exec: {command: [uname, -r], expect_exit: 0}
#include <fmt/format.h>

#include "harness/engine/hang_diagnosis.h"
#include "harness/engine/run_context.h"
#include "harness/scenario/step_registration.h"
#include "harness/steps/exec_findings.h"

namespace snaphammer::steps {
namespace {

using scenario::Course;
using scenario::Fields;
using scenario::Node;
using scenario::Reader;

struct Exec {
  static constexpr std::string_view kOverdue = "exec-timeout";
  std::vector<std::string> command;
  int expect_exit = 0;
};

void describe(Fields<Exec>& fields) {
  fields.add("command", &Exec::command, "Program and arguments; no shell is involved.")
      .required()
      .check([](const std::vector<std::string>& command, Reader& reader, const Node& node) {
        if (command.empty()) reader.expected(node, "a program and its arguments");
      });
  fields.add("expect_exit", &Exec::expect_exit, "The exit status that is right; a command that a signal ends has none.")
      .between(0, 255);
}

void follow(const Exec&, Course& course) {
  course.needs_healthy();
  course.may_end_workloads();  // It might kill them.
}

constexpr Duration kLongest = std::chrono::seconds(60);  // Without a timeout of its own; a shorter one is the step's.

Async<void> execute(const Exec& options, engine::RunContext& run) {
  agent::ExecRequest request;
  request.command = options.command;
  request.timeout = kLongest;
  auto done = co_await run.sandbox().exec(std::move(request));
  // Refused, or interrupted by a pause: that is an answer.
  if (!done && done.error().kind() == ErrorKind::kRefused) co_return done.error();
  if (!done) co_return run.fail(finding_of_exec_error(done.error()), done.error());
  if (done->timed_out) {
    const Error late(ErrorKind::kTimeout,
                     fmt::format("'{}' did not end within {}", options.command.front(), format_duration(kLongest)));
    co_return run.fail("exec-timeout", late);
  }
  if (done->end.code == options.expect_exit) co_return Result<void>();
  const std::string end = describe_end(*done);
  const Error wrong(ErrorKind::kUnavailable,
                    fmt::format("'{}' {}, expected exit status {}", options.command.front(), end, options.expect_exit));
  co_return run.fail("unhealthy", wrong,
                     {{"command", options.command},
                      {engine::kCommandEnded, end},
                      {"stdout", done->output.substr(0, kShownOutput)},
                      {"stderr", done->error_output.substr(0, kShownOutput)}});
}

const scenario::StepRegistration<Exec> registration{"exec", "Runs a command in the guest and compares its exit status.",
                                                    "exec: {command: [uname, -r], expect_exit: 0}"};

}  // namespace
}  // namespace snaphammer::steps
