// RunContext: the workloads of its guest, and asking them and the oracles for their verdicts.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "harness/engine/hang_diagnosis.h"
#include "harness/engine/page_evidence.h"
#include "harness/engine/run_context.h"
#include "harness/engine/workload_death.h"
#include "lib/base/log.h"

namespace snaphammer::engine {
namespace {

constexpr Duration kCheckDeadline = std::chrono::seconds(60);
constexpr Duration kStopDeadline = std::chrono::seconds(10);
constexpr Duration kAnswerLimit = std::chrono::seconds(20);
/// For a guest that no step has awaited to come up and answer; the worker's time after the run's timeout is longer.
constexpr Duration kEndLimit = std::chrono::seconds(40);

}  // namespace

void RunContext::report_workload_finding(const std::string& as, agent::Finding finding) {
  const auto same = [&](const report::Finding& known) { return known.id == finding.id && known.oracle == as; };
  const auto known = std::find_if(findings_.findings().begin(), findings_.findings().end(), same);
  // Thousands may follow; those that are shown get their page's history.
  const bool shown = known == findings_.findings().end() || known->count < FindingLog::kExamples;
  if (shown && restored_ && sandbox_.incarnation() != nullptr) {
    add_page_history(finding.evidence, *sandbox_.incarnation(), restored_->snapshot, restored_->requested);
  }
  report({.id = finding.id, .oracle = as, .message = finding.message, .evidence = std::move(finding.evidence)});
}

Async<void> RunContext::start_workload(oracles::StartedWorkload workload,
                                       std::map<std::string, std::string> program_args) {
  agent::StartWorkload request;
  request.workload = workload.workload;
  request.as = workload.as;
  request.args = std::move(program_args);
  request.args.try_emplace("seed", std::to_string(plan_.seed));
  auto started = co_await sandbox_.start_workload(std::move(request));
  if (!started) co_return fail("unhealthy", started.error());
  workloads_.insert(workload.as);
  for (const auto& oracle : oracles_) CO_SNAP_TRY(co_await oracle->workload_started(*this, workload));
  co_return Result<void>();
}

Async<void> RunContext::stop_workload(const std::string& as) {
  CO_SNAP_TRY(co_await check_workload(as));
  for (const auto& oracle : oracles_) CO_SNAP_TRY(co_await oracle->workload_stops(*this, as));
  auto stopped = co_await sandbox_.stop_workload(as, kStopDeadline);
  if (!stopped) co_return fail("unhealthy", stopped.error());
  workloads_.erase(as);
  co_return Result<void>();
}

Async<void> RunContext::stop_all() {
  for (const std::string& as : std::set<std::string>(workloads_)) CO_SNAP_TRY(co_await stop_workload(as));
  co_return Result<void>();
}

Async<void> RunContext::check_workload(const std::string& as) {
  if (!workloads_.contains(as)) {
    co_return Error(ErrorKind::kUnavailable, "there is no workload '" + as + "' in this guest")
        .advise("it was stopped, or started after the snapshot that the guest came from was taken");
  }
  CO_SNAP_TRY(expect_running());
  const auto on_finding = [this, &as](agent::Finding finding) { report_workload_finding(as, std::move(finding)); };
  auto checked = co_await sandbox_.check_workload(as, kCheckDeadline, on_finding);
  if (!checked) {
    co_return fail(finding_of_no_verdict(checked.error().kind()), checked.error());
  }
  if (checked->died) {
    const report::Finding death = death_of(as, *checked->died);
    const Error died(ErrorKind::kGone, death.message);
    report_workload_finding(as, {.id = death.id, .message = death.message, .evidence = death.evidence});
    co_return died;
  }
  std::vector<Draw> draws = draws_in(checked->counters, life(), as);
  for (Draw& draw : draws) draws_.push_back(std::move(draw));
  log_info("run", "check {}: {} {}", as, checked->pass ? "pass" : "fail", checked->counters.dump());
  co_return Result<void>();
}

Async<void> RunContext::check_all() {
  for (const std::string& as : std::set<std::string>(workloads_)) CO_SNAP_TRY(co_await check_workload(as));
  co_return co_await ask_oracles(Clones::Ask::kEverything);
}

Async<void> RunContext::check_oracles() { return ask_oracles(Clones::Ask::kNews); }

Async<void> RunContext::ask_oracles(Clones::Ask of_clones) {
  const Result<void> alive = co_await with_deadline(kEndLimit, "the guest's answer", ask_guest());
  for (const auto& oracle : oracles_) {
    if (health_ || !oracle->asks_guest()) CO_SNAP_TRY(co_await oracle->check(*this));
  }
  CO_SNAP_TRY(co_await look_at_clones(of_clones));
  if (alive || !findings_.empty()) co_return Result<void>();
  const std::optional<sandbox::Failure>& failure = sandbox_.failure();
  if (failure && failure->kind == sandbox::Failure::Kind::kGuest) {  // And its console does not say why.
    report({.id = "unhealthy",
            .oracle = "runtime",
            .message = failure->error.describe(),
            .evidence = nlohmann::json::object()});
    co_return Result<void>();
  }
  const Error why = fail("unhealthy", alive.error());
  const bool unknown =
      why.kind() == ErrorKind::kUnfit || why.kind() == ErrorKind::kCancelled || why.kind() == ErrorKind::kInternal;
  if (unknown) co_return why;
  co_return Result<void>();
}

Async<void> RunContext::look_at_clones(Clones::Ask ask) {
  std::vector<report::Finding> found;
  const Result<void> looked = co_await clones_.look(ask, found);
  for (report::Finding& finding : found) report(std::move(finding));
  co_return looked;
}

Awaitable<void> RunContext::hear_last_words() {
  if (workloads_.empty() || sandbox_.state() != sandbox::State::kRunning || quiesced_by_step_) co_return;
  if (faults_.acting()) co_return;  // Which may be about packets, and is for the steps to meet.
  for (const auto& oracle : oracles_) {
    auto heard = co_await oracle->last_words(*this);
    if (!heard) log_warning("run", "before this step the guest could not be asked: {}", heard.error().describe());
  }
}

Async<void> RunContext::ask_guest() {
  health_.reset();
  const std::optional<sandbox::Failure>& failure = sandbox_.failure();
  if (failure && failure->kind != sandbox::Failure::Kind::kEnded) co_return failure->error;
  if (sandbox_.incarnation() == nullptr || !expect_running()) co_return Result<void>();
  if (sandbox_.state() != sandbox::State::kRunning) {
    if (!findings_.empty()) co_return Result<void>();  // Of one that may never come up.
    auto healthy = co_await sandbox_.await_healthy();
    CO_SNAP_TRY(healthy);
  }
  CO_SNAP_ASSIGN(health_, co_await with_deadline(kAnswerLimit, "health", sandbox_.health()));
  co_return Result<void>();
}

}  // namespace snaphammer::engine
