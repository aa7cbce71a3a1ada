#include "harness/engine/clones.h"

#include <fstream>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "harness/engine/finding_log.h"
#include "harness/engine/handler_finding.h"
#include "harness/engine/hang_diagnosis.h"
#include "harness/engine/page_evidence.h"
#include "harness/engine/unserved_memory.h"
#include "harness/engine/workload_death.h"
#include "harness/oracles/kernel_log.h"
#include "lib/base/run_together.h"

namespace snaphammer::engine {
namespace {

constexpr Duration kDrawLimit = std::chrono::seconds(20);
/// For a list of workloads, or all that one has to say.
constexpr Duration kAnswerLimit = std::chrono::seconds(20);
/// For a workload that verifies everything.
constexpr Duration kVerdictLimit = std::chrono::seconds(60);

// Right after it was healthy.
Async<Draw> draw_from(sandbox::Sandbox& guest, std::string name) {
  sandbox::Incarnation& incarnation = *guest.incarnation();
  CO_SNAP_ASSIGN(agent::RandomDraws drawn, co_await incarnation.unless_failed(incarnation.client().random_draws()));
  co_return Draw{.guest = std::move(name), .source = "the kernel", .values = std::move(drawn.values)};
}

// What its workloads drew by themselves.
Async<void> ask_workloads(sandbox::Sandbox& guest, Clone& clone) {
  sandbox::Incarnation& incarnation = *guest.incarnation();
  CO_SNAP_ASSIGN(const std::vector<agent::WorkloadInfo> all,
                 co_await incarnation.unless_failed(incarnation.client().workloads()));
  const auto on_finding = [&clone](agent::Finding finding) { clone.findings.push_back(std::move(finding)); };
  for (const agent::WorkloadInfo& one : all) {
    if (one.workload != kDrawingWorkload || one.end.ended()) continue;
    CO_SNAP_ASSIGN(const agent::CheckReport verdict, co_await guest.check_workload(one.as, kDrawLimit, on_finding));
    std::vector<Draw> draws = draws_in(verdict.counters, clone.name, one.as);
    for (Draw& draw : draws) clone.draws.push_back(std::move(draw));
  }
  co_return Result<void>();
}

}  // namespace

/// One of them. If it hangs, it is looked at before it is ended.
class Clones::Guest final : private sandbox::PhaseObserver {
 public:
  /// `symbols` outlives it.
  Guest(const asio::any_io_executor& executor, vmm::Backend& backend, sandbox::SandboxConfig config,
        sandbox::SandboxPaths paths, GuestSymbols& symbols, std::string boot)
      : symbols_(symbols),
        boot_(std::move(boot)),
        hang_file_(paths.logs / kHangFile),
        sandbox_(executor, backend, std::move(config), std::move(paths), this) {}

  Async<void> bring_up(const snapshot::Snapshot& from, Clone& clone) {
    clone.restored = co_await restore(from, clone);
    name_ = clone.name;
    is_up_ = clone.restored.has_value();
    clone.was_ended = is_ended_ && !is_up_;
    if (is_up_ || is_ended_) co_return Result<void>();
    co_await look(clone.restored.error());
    clone.hung_at = hung_at_;
    clone.finding = finding_of_failed_restore(clone.restored.error());
    co_return Result<void>();
  }
  /// See Clones::look(); one whose restore failed has been told of.
  Async<void> tell(Ask ask, std::vector<report::Finding>& told) {
    if (!is_up_ || is_ended_) co_return Result<void>();
    tell_kernel_faults(told);
    if (!sandbox_.failure()) {
      std::string silence = "unhealthy";
      auto asked = co_await tell_workloads(ask, told, silence);
      if (asked || is_ended_) co_return Result<void>();
      if (asked.error().kind() == ErrorKind::kCancelled) co_return asked;
      if (!sandbox_.failure()) CO_SNAP_TRY(co_await tell_silence(told, silence, asked.error()));
    }
    if (is_ended_) co_return Result<void>();
    co_return tell_failure(told);
  }
  Awaitable<void> end() {
    is_ended_ = true;
    return sandbox_.end();
  }
  const std::string& name() const { return name_; }
  const uffd::PageServer* page_server() {
    sandbox::Incarnation* const incarnation = sandbox_.incarnation();
    return incarnation == nullptr ? nullptr : incarnation->page_server();
  }

 private:
  report::Finding finding(std::string id, const std::string& message, nlohmann::json evidence = {}) const {
    evidence[kOfClone] = name_;
    return {.id = std::move(id), .oracle = name_, .message = name_ + ": " + message, .evidence = std::move(evidence)};
  }

  std::string finding_of_failed_restore(const Error& error) const {
    const std::optional<sandbox::Failure>& failure = sandbox_.failure();
    const bool is_of_handler = failure && failure->kind == sandbox::Failure::Kind::kHandler;
    if (is_of_handler) return finding_of_handler_error(failure->error);
    if (is_unserved_) return "hang";
    return error.kind() == ErrorKind::kCorrupt ? "snapshot-corrupt" : "unhealthy";
  }

  void tell_kernel_faults(std::vector<report::Finding>& told) {
    std::ifstream console(sandbox_.paths().console_log(), std::ios::binary);
    const std::string log(std::istreambuf_iterator<char>(console), {});
    const std::vector<oracles::KernelFault> faults = oracles::find_kernel_faults(log);
    for (; kernel_faults_ < faults.size(); ++kernel_faults_) {
      const oracles::KernelFault& fault = faults[kernel_faults_];
      told.push_back(
          finding("kernel-fault", fault.kind + ": " + fault.line, {{"kind", fault.kind}, {"log", fault.excerpt}}));
    }
  }

  /// Its page's history is in the first ones of a kind.
  report::Finding finding_of(agent::Finding found) {
    if (++examples_[found.id] <= FindingLog::kExamples && sandbox_.incarnation() != nullptr) {
      add_page_history(found.evidence, *sandbox_.incarnation(), snapshot_, requested_);
    }
    return finding(found.id, found.message, std::move(found.evidence));
  }

  /// `silence` becomes the finding that it is when one of them gives no verdict.
  Async<void> tell_workloads(Ask ask, std::vector<report::Finding>& told, std::string& silence) {
    CO_SNAP_ASSIGN(const std::vector<agent::WorkloadInfo> all,
                   co_await with_deadline(kAnswerLimit, "the workloads", sandbox_.workloads()));
    const auto on_finding = [&](agent::Finding found) { told.push_back(finding_of(std::move(found))); };
    const Duration limit = ask == Ask::kEverything ? kVerdictLimit : kAnswerLimit;
    for (const agent::WorkloadInfo& one : all) {
      const bool has_ended = one.end.ended() && !ended_.contains(one.as);
      // What one draws it was asked for right after the restore.
      const bool verifies = ask == Ask::kEverything && !one.end.ended() && one.workload != kDrawingWorkload;
      if (one.undelivered_bytes == 0 && !has_ended && !verifies) continue;
      auto verdict = co_await sandbox_.check_workload(one.as, limit, on_finding);
      if (!verdict) {
        silence = finding_of_no_verdict(verdict.error().kind());
        co_return std::move(verdict).error();
      }
      if (!verdict->died || !ended_.insert(one.as).second) continue;
      const report::Finding death = death_of(one.as, *verdict->died);
      told.push_back(finding(death.id, death.message, death.evidence));
    }
    co_return Result<void>();
  }

  Async<void> tell_silence(std::vector<report::Finding>& told, std::string id, Error why) {
    CO_SNAP_ASSIGN(std::vector<report::Finding> unserved, co_await look_for_unserved_memory(sandbox_));
    for (report::Finding& found : unserved) {
      told.push_back(finding(found.id, found.message, std::move(found.evidence)));
    }
    if (unserved.empty()) told.push_back(finding(std::move(id), why.describe()));
    co_return Result<void>();
  }

  Result<void> tell_failure(std::vector<report::Finding>& told) {
    using Kind = sandbox::Failure::Kind;
    const std::optional<sandbox::Failure>& failure = sandbox_.failure();
    if (!failure || std::exchange(failure_told_, true)) return {};
    if (failure->kind == Kind::kVmm) return Error(failure->error).in(name_).as(ErrorKind::kUnfit);
    if (failure->kind == Kind::kHandler) {
      told.push_back(finding(finding_of_handler_error(failure->error), failure->error.describe()));
    } else if (kernel_faults_ == 0) {  // Otherwise its console says why.
      told.push_back(finding("unhealthy", failure->error.describe()));
    }
    return {};
  }

  Async<sandbox::RestoreReport> restore(const snapshot::Snapshot& from, Clone& clone) {
    snapshot_ = from.manifest.id;
    requested_ = SteadyClock::now();
    CO_SNAP_TRY(co_await sandbox_.restore(from));
    CO_SNAP_ASSIGN(sandbox::RestoreReport report, co_await sandbox_.await_healthy());
    CO_SNAP_ASSIGN(Draw draw, co_await draw_from(sandbox_, clone.name));
    clone.draws.push_back(std::move(draw));
    CO_SNAP_TRY(co_await ask_workloads(sandbox_, clone));
    co_return report;
  }

  Async<void> at(std::string) override { return completed(Result<void>()); }
  Awaitable<void> gives_up(const Error& why) override { return look(why); }

  Awaitable<void> look(const Error& why) {
    if (why.kind() != ErrorKind::kTimeout || hung_at_) co_return;
    const auto unserved = co_await look_for_stopped_handler(sandbox_);
    is_unserved_ = unserved && !unserved->empty();
    HangQuestion question{
        .sandbox = sandbox_, .symbols = symbols_, .boot = boot_, .file = hang_file_, .finding = why.describe()};
    hung_at_ = co_await diagnose_hang(std::move(question));
  }

  GuestSymbols& symbols_;
  const std::string boot_;
  const std::filesystem::path hang_file_;
  std::optional<std::string> hung_at_;
  bool is_unserved_ = false;  // When it was looked at.
  std::string name_;
  std::string snapshot_;  // Its id in the store.
  TimePoint requested_;
  bool is_up_ = false;
  bool is_ended_ = false;  // Or about to be.
  std::map<std::string, std::size_t> examples_;
  std::size_t kernel_faults_ = 0;  // Told so far; so are the other two.
  std::set<std::string> ended_;
  bool failure_told_ = false;
  sandbox::Sandbox sandbox_;
};

Clones::Clones(asio::any_io_executor executor, vmm::Backend& backend, sandbox::SandboxConfig config,
               GuestSources& sources, GuestSymbols& symbols, const RunPaths& paths)
    : executor_(std::move(executor)),
      backend_(backend),
      config_(std::move(config)),
      sources_(sources),
      symbols_(symbols),
      paths_(paths),
      ends_(executor_) {}

Clones::~Clones() = default;

Result<std::shared_ptr<Clones::Guest>> Clones::add(const std::string& boot) {
  const std::string name = fmt::format("clone-{}", guests_.size() + 1);
  sandbox::SandboxPaths paths{.sockets = paths_.runtime / name, .logs = paths_.artifacts / name};
  for (const std::filesystem::path& directory : {paths.sockets, paths.logs}) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return errno_error("create " + directory.string(), error.value());
  }
  sandbox::SandboxConfig config = sources_.applied_to(config_, name);
  config.name = name;
  guests_.push_back(std::make_shared<Guest>(executor_, backend_, std::move(config), std::move(paths), symbols_, boot));
  return guests_.back();
}

Async<std::vector<Clone>> Clones::start(snapshot::Snapshot from, unsigned count, std::string boot) {
  if (!ends_.idle()) co_return Error(ErrorKind::kRefused, "clone: refused, the guests are being ended");
  std::vector<Clone> clones(count);
  Guests started;
  std::vector<Async<void>> guests;
  for (Clone& clone : clones) {
    auto guest = add(boot);
    if (!guest) {
      clone.restored = tl::unexpected(guest.error());
      continue;
    }
    clone.name = fmt::format("clone-{}", guests_.size());
    guests.push_back((*guest)->bring_up(from, clone));
    started.push_back(*std::move(guest));
  }
  for (Result<void>& ended : co_await run_together(std::move(guests))) CO_SNAP_TRY(std::move(ended));
  co_return clones;
}

Async<void> Clones::look(Ask ask, std::vector<report::Finding>& found) {
  const Guests there = guests_;
  if (ask == Ask::kEverything) {  // Their vCPUs would wait for each other.
    Result<void> all;
    for (const auto& guest : there) {
      Result<void> asked = co_await guest->tell(ask, found);
      if (all) all = std::move(asked);
    }
    co_return all;
  }
  std::vector<Async<void>> guests;
  for (const auto& guest : there) guests.push_back(guest->tell(ask, found));
  for (Result<void>& asked : co_await run_together(std::move(guests))) CO_SNAP_TRY(std::move(asked));
  co_return Result<void>();
}

std::map<std::string, uffd::Stats> Clones::page_server_stats() const {
  std::map<std::string, uffd::Stats> stats;
  for (const auto& guest : guests_) {
    if (const uffd::PageServer* const server = guest->page_server()) stats[guest->name()] = server->stats();
  }
  return stats;
}

Awaitable<void> Clones::end() {
  const TaskGroup::Membership under_way = ends_.enter();
  const Guests ending = guests_;
  for (const auto& guest : ending) co_await guest->end();
  guests_.clear();
}

}  // namespace snaphammer::engine
