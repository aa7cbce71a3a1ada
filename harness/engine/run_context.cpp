#include "harness/engine/run_context.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include "harness/engine/consequences.h"
#include "harness/engine/handler_finding.h"
#include "harness/engine/hang_diagnosis.h"
#include "harness/engine/page_evidence.h"
#include "harness/engine/runtime_binding.h"
#include "lib/base/log.h"
#include "lib/sandbox/base_snapshots.h"
#include "lib/sandbox/working_set.h"

namespace snaphammer::engine {
namespace {

std::vector<std::pair<std::string, double>> to_ms(const std::vector<sandbox::PhaseTiming>& timings) {
  std::vector<std::pair<std::string, double>> phases;
  for (const sandbox::PhaseTiming& timing : timings) phases.emplace_back(timing.name, snaphammer::to_ms(timing.took));
  return phases;
}

nlohmann::json to_json(const uffd::Stats& stats) {
  const auto us = [](Duration d) { return std::chrono::duration<double, std::micro>(d).count(); };
  return {{"faults", stats.faults},
          {"removes", stats.removes},
          {"removed_pages", stats.removed_pages},
          {"eagain", stats.eagain},
          {"copied_pages", stats.copied_pages},
          {"zero_pages", stats.zero_pages},
          {"prefetched_pages", stats.prefetched_pages},
          {"working_set",
           {{"hits", stats.working_set_hits},
            {"late", stats.working_set_late},
            {"misses", stats.working_set_misses},
            {"hit_ratio", stats.working_set_hit_ratio()}}},
          {"fault_latency_us",
           {{"p50", us(stats.fault_latency.p50)},
            {"p99", us(stats.fault_latency.p99)},
            {"max", us(stats.fault_latency.max)}}}};
}

nlohmann::json evidence_of(const Clone& clone) {
  nlohmann::json evidence = {{kOfClone, clone.name}};
  if (clone.hung_at) evidence.update({{kWhere, *clone.hung_at}, {kDiagnosis, clone.name + "/" + kHangFile}});
  return evidence;
}

Error why_not_healthy(const Clone& clone) {
  const Error error = clone.restored.error().in(clone.name);
  if (!clone.hung_at) return error;
  return Error(error.kind(), fmt::format("{}; before it was ended: {}", error.describe(), *clone.hung_at));
}

}  // namespace

RunContext::RunContext(asio::any_io_executor executor, const scenario::RunPlan& plan, const RunPaths& paths,
                       RunEvents events, vmm::Backend& backend, sandbox::SandboxConfig config)
    : executor_(executor),
      plan_(plan),
      paths_(paths),
      events_(events),
      backend_(backend),
      config_(config),
      guest_sources_(plan.seed),
      sandbox_(executor, backend, guest_sources_.applied_to(std::move(config), GuestSources::kOwn),
               {.sockets = paths.runtime, .logs = paths.artifacts}, this),
      faults_(executor, *this),
      connections_(executor),
      symbols_(paths.installation.guest_image / "symbols", paths.caches.kernel_symbols()),
      phase_stop_(executor, sandbox_, symbols_),
      clones_(executor, backend, config_, guest_sources_, symbols_, paths),
      findings_(paths.artifacts / "findings.jsonl") {
  for (const oracles::MakeOracle make : oracles::oracle_makers()) oracles_.push_back(make());
  result_.id = plan.id;
  result_.scenario = plan.scenario->name;
  result_.point = plan.point;
  result_.seed = plan.seed;
}

Async<void> RunContext::boot(bool fresh) {
  if (auto free = sandbox_.idle(); !free) co_return std::move(free).error().in("boot: refused");
  for (const auto& oracle : oracles_) co_await oracle->guest_forgotten();
  connections_.cut("boot");
  end_restore();
  workloads_.clear();
  paused_by_abort_ = false;
  if (fresh) {
    co_await sandbox_.end();
    if (auto booted = co_await sandbox_.boot(); !booted) co_return fail("unhealthy", booted.error());
  } else {
    sandbox::BaseSnapshots bases(executor_, backend_, paths_.caches.base_snapshots());
    CO_SNAP_ASSIGN(const sandbox::BaseSnapshot base, co_await bases.get(config_.vm, sandbox_.paths()));
    std::error_code ignored;  // It may have been deleted by hand; the guest does not depend on it.
    std::filesystem::copy_file(base.boot_console, paths_.artifacts / "boot-console.log",
                               std::filesystem::copy_options::overwrite_existing, ignored);
    CO_SNAP_TRY(co_await sandbox_.restore(base.snapshot, {.in_place_of_boot = true}));
    if (auto healthy = co_await sandbox_.await_healthy(); !healthy) co_return fail("unhealthy", healthy.error());
  }
  auto health = co_await sandbox_.health();
  if (!health) co_return fail("unhealthy", health.error());
  result_.guest_kernel = health->kernel;
  boot_id_ = health->boot_id;
  std::tie(result_.accel, result_.accel_reason) = sandbox_.incarnation()->vm().accel();
  co_return co_await tell_oracles_healthy();
}

Async<void> RunContext::tell_oracles_healthy() {
  for (const auto& oracle : oracles_) CO_SNAP_TRY(co_await oracle->became_healthy(*this));
  co_return Result<void>();
}

Result<void> RunContext::open_store() {
  if (store_) return {};
  SNAP_ASSIGN(store_,
              snapshot::SnapshotStore::open(paths_.snapshots(), store_options(plan_.scenario->runtime.snapshot)));
  return {};
}

Async<void> RunContext::snapshot(const std::string& id, SnapshotStep step) {
  CO_SNAP_TRY(open_store());
  sandbox::SnapshotOptions options{.id = fmt::format("{}-{}", id, ++taken_), .resume = step.resume};
  options.metadata = {{"scenario", plan_.scenario->name}, {"guest_kernel", result_.guest_kernel}};
  if (step.diff && origin_.empty()) {
    co_return Error(ErrorKind::kUnavailable, "a diff needs an earlier snapshot").advise("take a full one first");
  }
  if (step.diff) options.parent = origin_;
  const bool was_paused = sandbox_.state() == sandbox::State::kPaused;
  auto done = co_await sandbox_.snapshot(*store_, options);
  paused_by_abort_ = !done && !was_paused && sandbox_.state() == sandbox::State::kPaused;
  const bool parent_is_damaged = !done && done.error().kind() == ErrorKind::kCorrupt;
  if (parent_is_damaged) co_return fail("snapshot-corrupt", done.error());
  CO_SNAP_ASSIGN(const sandbox::PauseReport taken, std::move(done));
  result_.pauses.push_back({.snapshot = id,
                            .type = step.diff ? "diff" : "full",
                            .downtime_ms = snaphammer::to_ms(taken.downtime),
                            .phases_ms = to_ms(taken.phases),
                            .bytes = taken.bytes});
  connections_.cut("snapshot " + id);
  for (const auto& oracle : oracles_) oracle->snapshot_taken(id, taken.frozen_at);
  origin_ = snapshots_[id] = options.id;
  workloads_in_[options.id] = workloads_;
  std::set<std::string> wanted;
  for (const auto& [name, stored] : snapshots_) wanted.insert(stored);
  auto collected = store_->collect_garbage(wanted);
  CO_SNAP_TRY(collected);
  co_return Result<void>();
}

Result<snapshot::Snapshot> RunContext::stored(const std::string& id) const {
  SNAP_TRY(expect_taken(id));
  return store_->load(snapshots_.at(id));
}

Result<void> RunContext::expect_taken(const std::string& id) const {
  if (snapshots_.contains(id)) return {};
  return Error(ErrorKind::kUnavailable, "there is no snapshot '" + id + "': none was stored under that name");
}

Async<void> RunContext::restore(const std::string& id, RestoreStep step) {
  auto from = stored(id);
  if (!from && from.error().kind() == ErrorKind::kCorrupt) co_return fail("snapshot-corrupt", from.error());
  CO_SNAP_TRY(from);
  // A step beside this one is at it: that is an answer, not a guest that does not come up.
  if (auto free = sandbox_.idle(); !free) co_return std::move(free).error().in("restore: refused");
  end_restore();
  restored_ = {.report = result_.restores.size(),
               .snapshot = from->manifest.id,
               .prefetch = step.prefetch.value_or(config_.uffd.prefetch),
               .life = fmt::format("restore {}", result_.restores.size() + 1),
               .requested = SteadyClock::now(),
               .phases = {}};
  sandbox_.set_prefetch(restored_->prefetch);
  for (const auto& oracle : oracles_) oracle->guest_leaves();
  result_.restores.push_back({.from = id, .to_healthy_ms = {}, .phases_ms = {}, .uffd = {}});
  origin_ = from->manifest.id;
  workloads_ = workloads_in_[origin_];
  paused_by_abort_ = false;
  auto restored = co_await sandbox_.restore(*from, {.let_run = step.resume});
  connections_.cut("restore " + id);
  for (const auto& oracle : oracles_) co_await oracle->restore_ended(id);
  if (!restored) co_return fail("unhealthy", restored.error());
  co_return co_await await_phase_stop();
}

Async<void> RunContext::resume() {
  CO_SNAP_TRY(co_await sandbox_.resume());
  co_return co_await await_phase_stop();
}

Async<void> RunContext::verify_snapshot(const std::string& id) {
  if (id != "all") CO_SNAP_TRY(expect_taken(id));
  for (const auto& [name, stored] : snapshots_) {
    if (id != "all" && id != name) continue;
    CO_SNAP_ASSIGN(const snapshot::VerifyReport verified, store_->verify(stored));
    for (const snapshot::Defect& defect : verified.defects) {
      report({.id = "snapshot-corrupt",
              .oracle = "verify",
              .message = defect.describe(),
              .evidence = {{"snapshot", name}}});
    }
  }
  co_return Result<void>();
}

Result<void> RunContext::expect_running() const {
  if (sandbox_.state() != sandbox::State::kPaused || paused_by_abort_) return {};
  return Error(ErrorKind::kRefused, "the guest is paused, so nothing in it can answer").advise("resume it first");
}

Async<void> RunContext::await_healthy(Duration within) {
  CO_SNAP_TRY(expect_running());
  if (sandbox_.state() == sandbox::State::kRunning) {
    auto health = co_await with_deadline(within, "await_healthy", sandbox_.health());
    if (!health) co_return fail("unhealthy", health.error());
  }
  auto healthy = co_await with_deadline(within, "await_healthy", sandbox_.await_healthy());
  if (!healthy) co_return fail("unhealthy", healthy.error());
  if (!restored_) co_return Result<void>();
  report::RestoreReport& report = result_.restores.at(restored_->report);
  report.to_healthy_ms = snaphammer::to_ms(healthy->to_healthy);
  report.phases_ms = to_ms(healthy->phases);
  restored_->phases = std::move(healthy->phases);
  CO_SNAP_TRY(record_working_set());
  co_return co_await tell_oracles_healthy();
}

Async<void> RunContext::await_up() {
  if (const sandbox::State state = sandbox_.state();
      state != sandbox::State::kStarting && state != sandbox::State::kUnhealthy) {
    co_return Result<void>();
  }
  auto healthy = co_await sandbox_.await_healthy();
  if (!healthy) co_return fail("unhealthy", healthy.error());
  co_return Result<void>();
}

// Where everything is prefetched the guest hardly asks for anything, and there is no order to record.
Result<void> RunContext::record_working_set() {
  uffd::PageServer* const server = sandbox_.incarnation()->page_server();
  if (server == nullptr || restored_->prefetch == uffd::Prefetch::kAll) return {};
  const bool kept = std::any_of(snapshots_.begin(), snapshots_.end(),
                                [this](const auto& entry) { return entry.second == restored_->snapshot; });
  if (!kept) return {};  // A later one of its name has replaced it.
  return store_->set_working_set(restored_->snapshot, sandbox::pages_of(server->working_set()));
}

Async<void> RunContext::quiesce() {
  health_.reset();
  if (auto done = co_await sandbox_.quiesce(); !done) co_return fail("unhealthy", done.error());
  quiesced_by_step_ = true;
  co_return Result<void>();
}

Async<void> RunContext::unquiesce() {
  if (auto done = co_await sandbox_.unquiesce(); !done) co_return fail("left-quiesced", done.error());
  health_.reset();
  quiesced_by_step_ = false;
  co_return Result<void>();
}

Async<void> RunContext::clone(const std::string& id, unsigned count) {
  auto from = stored(id);
  if (!from && from.error().kind() == ErrorKind::kCorrupt) co_return fail("snapshot-corrupt", from.error());
  CO_SNAP_TRY(from);
  CO_SNAP_ASSIGN(std::vector<Clone> clones, co_await clones_.start(*from, count, boot_id_));
  for (Clone& clone : clones) {
    if (clone.was_ended) co_return clone.restored.error();
    if (!clone.restored) co_return fail(clone.finding, why_not_healthy(clone), evidence_of(clone));
    clone_reports_[clone.name] = result_.restores.size();
    result_.restores.push_back({.from = id,
                                .guest = clone.name,
                                .to_healthy_ms = snaphammer::to_ms(clone.restored->to_healthy),
                                .phases_ms = to_ms(clone.restored->phases),
                                .uffd = nlohmann::json::object()});
    for (Draw& draw : clone.draws) draws_.push_back(std::move(draw));
    for (agent::Finding& found : clone.findings) {
      report({.id = found.id, .oracle = clone.name, .message = found.message, .evidence = std::move(found.evidence)});
    }
  }
  co_return Result<void>();
}

Async<void> RunContext::destroy() {
  std::vector<report::Finding> ended_before = co_await connections_.look();
  for (report::Finding& finding : ended_before) report(std::move(finding));
  const Result<void> looked = co_await look_at_clones(Clones::Ask::kNews);
  for (const auto& oracle : oracles_) oracle->guest_leaves();
  co_await end_guests();
  co_return looked;
}

Awaitable<void> RunContext::end() {
  co_await diagnose_hang();
  co_await faults_.end();
  for (const auto& oracle : oracles_) co_await oracle->guest_forgotten();
  co_await end_guests();
}

Awaitable<void> RunContext::end_guests() {
  end_clones_restores();
  co_await clones_.end();
  co_await connections_.end();
  end_restore();
  workloads_.clear();
  co_await sandbox_.end();
}

Result<std::filesystem::path> RunContext::snapshot_directory(const std::optional<std::string>& name) const {
  if (name) SNAP_TRY(expect_taken(*name));
  if (!name && origin_.empty())
    return Error(ErrorKind::kUnavailable, "there is no snapshot yet").advise("take one first");
  return store_->directory() / (name ? snapshots_.at(*name) : origin_);
}

void RunContext::end_restore() {
  quiesced_by_step_ = false;
  health_.reset();
  if (!restored_) return;
  sandbox::Incarnation* const incarnation = sandbox_.incarnation();
  if (incarnation != nullptr && incarnation->page_server() != nullptr) {
    result_.restores.at(restored_->report).uffd = to_json(incarnation->page_server()->stats());
    write_restore_trace();
  }
  restored_.reset();
}

void RunContext::end_clones_restores() {
  for (const auto& [name, stats] : clones_.page_server_stats()) {
    const auto report = clone_reports_.find(name);
    if (report != clone_reports_.end()) result_.restores.at(report->second).uffd = to_json(stats);
  }
  clone_reports_.clear();
}

// Of the latest restore only: a campaign of many cycles would fill the disk.
void RunContext::write_restore_trace() {
  const uffd::PageServer& server = *sandbox_.incarnation()->page_server();
  std::ofstream(paths_.artifacts / "restore-trace.json")
      << trace_events(server.trace(), restored_->phases, restored_->requested);
}

Error RunContext::fail(std::string id, const Error& error, nlohmann::json evidence) {
  if (sandbox_.failure()) {
    const sandbox::Failure& failure = *sandbox_.failure();
    // A VMM that ended by itself is the environment's failure; what its guest said before is for the oracles.
    using Kind = sandbox::Failure::Kind;
    if (failure.kind == Kind::kVmm || failure.kind == Kind::kGuest) return Error(failure.error).as(ErrorKind::kUnfit);
    if (failure.kind == Kind::kHandler) id = finding_of_handler_error(failure.error);
    if (failure.kind == Kind::kLost) id = "unhealthy";
    // A step beside this one has ended the guest.
    if (failure.kind == Kind::kEnded && error.kind() == ErrorKind::kGone) return error;
  }
  const ErrorKind kind = error.kind();
  if (kind == ErrorKind::kCancelled || kind == ErrorKind::kInternal || kind == ErrorKind::kUnfit) return error;
  // As it should be, while another step pauses or replaces the guest; not of one that a failed pause has left standing.
  if (kind == ErrorKind::kRefused) {
    if (!paused_by_abort_) return error;
    id = "hang";
  }
  report({.id = std::move(id), .oracle = "runtime", .message = error.describe(), .evidence = std::move(evidence)});
  return error;
}

void RunContext::report(report::Finding finding) {
  finding.at_ms = age_ms();
  if (finding.evidence.is_object() || finding.evidence.is_null()) finding.evidence[kLife] = life();
  events_.finding(finding.id);
  findings_.add(finding);
}

report::RunResult RunContext::result() const {
  report::RunResult result = result_;
  result.findings = with_consequences(findings_.findings());
  result.faults = faults_.reports(started_);
  return result;
}

}  // namespace snaphammer::engine
