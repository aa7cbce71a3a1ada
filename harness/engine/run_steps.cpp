// RunContext: carrying out steps, each within its bounds, and looking at what hangs in them.
#include <utility>

#include <fmt/format.h>

#include "harness/engine/hang_diagnosis.h"
#include "harness/engine/run_context.h"
#include "harness/engine/unserved_memory.h"
#include "lib/base/log.h"

namespace snaphammer::engine {

Async<void> RunContext::run(const scenario::StepList& steps) {
  for (const auto& step : steps) {
    Result<void> done = co_await run_step(*step);
    if (done) continue;
    if (step->control.on_error == scenario::OnError::kFail || done.error().kind() == ErrorKind::kCancelled) {
      co_return done;
    }
    log_warning("run", "step {} failed, going on: {}", step->name(), done.error().describe());
    co_await diagnose_hang();  // Before a later step undoes what it hangs on.
  }
  co_return Result<void>();
}

Async<void> RunContext::run_step(const scenario::Step& step) {
  if (step.ends_guest() || step.stops_guest()) co_await hear_last_words();
  if (step.ends_guest()) co_await diagnose_hang();
  events_.phase(step.name());
  const std::string what = fmt::format("step {} (line {})", step.name(), step.where.line);
  log_info("run", "{}", what);
  last_step_ = what;
  if (!step.control.timeout || step.keeps_deadline()) {
    auto done = co_await step.run(*this);
    if (!done) co_return std::move(done).error().in(what);
    co_return done;
  }
  using namespace asio::experimental::awaitable_operators;  // NOLINT: as in with_deadline()
  std::optional<Error> overdue;
  auto outcome = co_await (without_exceptions(what, step.run(*this)) || find_overdue(step, what, overdue));
  if (overdue) co_return *std::move(overdue);
  co_return outcome.index() == 0 ? std::get<0>(std::move(outcome)) : std::get<1>(std::move(outcome));
}

// Whoever cancels a restore ends its guest, and there is none left to look at.
Async<void> RunContext::find_overdue(const scenario::Step& step, std::string what, std::optional<Error>& overdue) {
  const Duration limit = *step.control.timeout;
  CO_SNAP_TRY(co_await wait_for(limit));
  const Error error(ErrorKind::kTimeout, what + ": not done within " + format_duration(limit));
  overdue = fail(std::string(step.overdue()), error);
  if (step.ends_guest()) co_await look_at_lost_guest(error);
  co_return Result<void>();
}

Async<void> RunContext::at(std::string point) {
  last_point_ = point;
  CO_SNAP_TRY(co_await faults_.reached(point));
  const bool boots =
      !restored_ && point.starts_with("restore.");  // From a base snapshot: no restore of the scenario's.
  if (boots) co_return Result<void>();
  co_return co_await phase_stop_.reached(std::move(point));
}

Async<void> RunContext::await_phase_stop() {
  const std::optional<std::string> point = phase_stop_.armed();
  if (!point) co_return Result<void>();
  if (!point->starts_with("restore.") || sandbox_.state() != sandbox::State::kStarting) co_return Result<void>();
  using namespace asio::experimental::awaitable_operators;  // NOLINT: as in with_deadline()
  auto first = co_await (without_exceptions("freeze", phase_stop_.wait()) ||
                         without_exceptions("freeze", sandbox_.await_healthy()));
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return Result<void>();
}

// Oracles come before it: a debugger that interrupts a thread makes it fault again, which hides a fault that was lost.
Awaitable<void> RunContext::diagnose_hang() {
  const report::Finding* const first = hang_among(findings_.findings());
  if (first == nullptr) co_return;
  const report::Finding finding = *first;
  co_await look_at_hang(finding.id + ": " + finding.message,
                        fmt::format("{:.1f} s later", (age_ms() - finding.at_ms.value_or(age_ms())) / 1000));
  if (!hang_ || !hang_->where || hang_->told) co_return;
  hang_->told = true;
  findings_.explain(finding, fmt::format("; {}: {}", hang_->when, *hang_->where),
                    {{kWhere, *hang_->where}, {kDiagnosis, kHangFile}});
}

Awaitable<void> RunContext::look_at_hang(std::string finding, std::string when) {
  if (hang_) co_return;
  const asio::cancellation_state given_up = co_await asio::this_coro::cancellation_state;
  if (is_cancelled(given_up)) co_return;
  hang_ = SeenHang{.when = std::move(when)};
  events_.phase("diagnosis of a hang");
  HangQuestion question{.sandbox = sandbox_,
                        .symbols = symbols_,
                        .boot = boot_id_,
                        .file = paths_.artifacts / kHangFile,
                        .finding = fmt::format("{}; the guest was looked at {}", finding, hang_->when)};
  hang_->where = co_await engine::diagnose_hang(std::move(question));
  if (hang_->where) log_info("run", "hang, {}: {}", hang_->when, *hang_->where);
}

// A guest that is stuck on its way up is no more when the step ends that has found it out.
Awaitable<void> RunContext::gives_up(const Error& why) {
  if (why.kind() == ErrorKind::kTimeout) co_await look_at_lost_guest(why);
}

Awaitable<void> RunContext::look_at_lost_guest(const Error& why) {
  auto unserved = co_await look_for_stopped_handler(sandbox_);
  if (unserved) {
    for (report::Finding& finding : *unserved) report(std::move(finding));
  }
  co_await look_at_hang(why.describe(), "before it was ended");
}

}  // namespace snaphammer::engine
