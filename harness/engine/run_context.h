// RunContext: what the steps and oracles of one run share.
//
// A step acts on the guest through it and tells it what went wrong in one of two ways:
//   * the guest or runtime under test misbehaved: `co_return run.fail("exec-timeout", error, evidence)`, a finding;
//   * the step itself could not do its work: it returns the error, and the run's verdict follows from its kind.
//
// One run, one worker process, one io_context thread.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/engine/clones.h"
#include "harness/engine/exec_turns.h"
#include "harness/engine/finding_log.h"
#include "harness/engine/guest_sources.h"
#include "harness/engine/guest_symbols.h"
#include "harness/engine/held_connections.h"
#include "harness/engine/phase_stop.h"
#include "harness/engine/run_events.h"
#include "harness/engine/run_paths.h"
#include "harness/faults/fault_set.h"
#include "harness/oracles/oracle.h"
#include "harness/report/results.h"
#include "harness/scenario/plan.h"
#include "lib/sandbox/sandbox.h"
#include "lib/snapshot/store.h"

namespace snaphammer::engine {

class RunContext final : private sandbox::PhaseObserver {
 public:
  RunContext(asio::any_io_executor executor, const scenario::RunPlan& plan, const RunPaths& paths, RunEvents events,
             vmm::Backend& backend, sandbox::SandboxConfig config);

  const scenario::RunPlan& plan() const { return plan_; }
  const RunPaths& paths() const { return paths_; }
  sandbox::Sandbox& sandbox() { return sandbox_; }
  faults::FaultSet& faults() { return faults_; }
  GuestSources& guest_sources() { return guest_sources_; }
  /// What exec_stress steps have measured.
  std::vector<ExecTurns>& exec_turns() { return exec_turns_; }
  HeldConnections& connections() { return connections_; }
  const Clones& clones() const { return clones_; }
  GuestSymbols& symbols() { return symbols_; }
  PhaseStop& phase_stop() { return phase_stop_; }
  /// Returns when vCPUs are stopped at the point that is armed, if the guest's restore is under way and can come there, or
  /// when that is over. Otherwise at once.
  Async<void> await_phase_stop();
  bool steps_run_side_by_side() const { return branches_ > 0; }
  /// While it lives, steps run side by side.
  class Branches {
   public:
    explicit Branches(RunContext& run) : run_(run) { ++run_.branches_; }
    ~Branches() { --run_.branches_; }
    Branches(const Branches&) = delete;
    Branches& operator=(const Branches&) = delete;

   private:
    RunContext& run_;
  };

  /// Carries out steps one after another, each under its deadline and its on_error.
  Async<void> run(const scenario::StepList& steps);
  /// The step that was begun last: "step restore (line 12)".
  const std::string& last_step() const { return last_step_; }
  /// The point of a phase that a sequence came to last: "pause.freeze:before". Empty before the first.
  const std::string& last_point() const { return last_point_; }

  /// Starts the guest: from the cached base snapshot, or from its kernel when `fresh`. Healthy when it returns.
  Async<void> boot(bool fresh);
  struct SnapshotStep {
    bool diff;    ///< Against the snapshot that was last taken or restored.
    bool resume;  ///< Let the guest go on.
  };
  /// Takes a snapshot under the scenario's name `id`; an earlier one of that name is replaced.
  Async<void> snapshot(const std::string& id, SnapshotStep step);
  struct RestoreStep {
    std::optional<uffd::Prefetch> prefetch;  ///< Instead of the knob's value.
    bool resume;                             ///< Let the vCPUs run.
  };
  /// Ends the guest and restores the latest snapshot of that name.
  Async<void> restore(const std::string& id, RestoreStep step);
  /// Reads every byte of a snapshot, or of all; damage is a finding.
  Async<void> verify_snapshot(const std::string& id);
  /// Waits until the guest is healthy again, and records how the restore went. One that has become healthy before must
  /// answer now.
  Async<void> await_healthy(Duration within);
  /// Waits for a guest that is coming up. One that does not is the finding `unhealthy`.
  Async<void> await_up();
  /// Lets vCPUs run again.
  Async<void> resume();
  Async<void> quiesce();
  Async<void> unquiesce();
  /// Whether a step has quiesced the guest, so that it is right that it is.
  bool quiesced_by_step() const { return quiesced_by_step_; }
  /// Starts `count` further guests from the latest snapshot of that name; all are healthy when it returns.
  Async<void> clone(const std::string& id, unsigned count);
  /// What clones drew from their kernels' random generators, each as its first act; and what workloads drew in any guest.
  const std::vector<Draw>& draws() const { return draws_; }
  /// Ends the guest and its clones. Connections that have ended before count; those that it ends do not.
  Async<void> destroy();
  /// Undoes every fault and ends the guest: always, at the end of a run, and bounded.
  Awaitable<void> end();
  /// Where the snapshot of that name is on disk; the latest one without a name.
  Result<std::filesystem::path> snapshot_directory(const std::optional<std::string>& name) const;

  /// Asks workload `as` for its verdict now; what it found becomes this run's.
  Async<void> check_workload(const std::string& as);
  /// Those of the guest that is there now.
  const std::set<std::string>& workloads() const { return workloads_; }
  /// Asks every workload, also of clones, and every oracle.
  Async<void> check_all();
  /// Asks every oracle: also at the end of every run. A guest that the scenario has left to run must be up and answer, or
  /// is unhealthy when no finding says more.
  Async<void> check_oracles();
  /// What the guest said of itself when the oracles were last asked; null when none ran or answered, or was quiesced or
  /// replaced since.
  const agent::HealthReport* health() const { return health_ ? &*health_ : nullptr; }
  /// `program_args`: what the guest's program gets.
  Async<void> start_workload(oracles::StartedWorkload workload, std::map<std::string, std::string> program_args);
  /// Asks it for its last verdict, then ends it.
  Async<void> stop_workload(const std::string& as);
  Async<void> stop_all();

  /// Records a finding.
  void report(report::Finding finding);
  /// Records how long commands took.
  void report(const report::ExecStressReport& stress) { result_.exec_stress.push_back(stress); }
  /// Records where the guest was frozen.
  void report(report::FreezeReport freeze) { result_.freezes.push_back(std::move(freeze)); }
  /// The guest failed an operation: records finding `id`, or the deeper cause where one is known (the page server
  /// ended, the VMM ended), and returns the error that ends the run.
  Error fail(std::string id, const Error& error, nlohmann::json evidence = nlohmann::json::object());

  /// Which of the run's guests is there: "boot", "restore 2".
  std::string life() const { return restored_ ? restored_->life : "boot"; }
  /// Since this run began.
  double age_ms() const { return to_ms(SteadyClock::now() - started_); }
  /// What is known so far. `verdict`, `expected` and `message` are for the caller.
  report::RunResult result() const;
  const FindingLog& findings() const { return findings_; }

 private:
  Async<void> run_step(const scenario::Step& step);
  /// Returns when the step's timeout has passed, which is a finding, and its guest was looked at if its end ends it too.
  Async<void> find_overdue(const scenario::Step& step, std::string what, std::optional<Error>& overdue);
  /// Reports what has become of the clones since the last look. An error as of an oracle.
  Async<void> look_at_clones(Clones::Ask ask);
  Async<void> ask_oracles(Clones::Ask of_clones);
  /// Before a step ends or stops the guest: what no step has asked it for could be lost with it.
  Awaitable<void> hear_last_words();
  /// Looks at the guest before it is ended, if a finding says that something hung, and explains the finding.
  Awaitable<void> diagnose_hang();
  /// What it waits for is found out, and where it hung, before it is ended.
  Awaitable<void> look_at_lost_guest(const Error& why);
  /// Looks once in a run. Bounded to 15 s. `when` in relation to what was found: "0.1 s later".
  Awaitable<void> look_at_hang(std::string finding, std::string when);
  Async<void> at(std::string point) override;
  Awaitable<void> gives_up(const Error& why) override;
  Async<void> tell_oracles_healthy();
  /// An error, no finding, when the scenario has left the guest paused.
  Result<void> expect_running() const;
  /// An error when the scenario has left the guest to run and it is not up or does not answer. Otherwise health() is what
  /// it said.
  Async<void> ask_guest();
  Awaitable<void> end_guests();
  /// The present guest is about to end: if it was restored, records what its page server did.
  void end_restore();
  /// The same of clones.
  void end_clones_restores();
  Result<void> record_working_set();
  void write_restore_trace();
  void report_workload_finding(const std::string& as, agent::Finding finding);
  Result<void> open_store();
  Result<snapshot::Snapshot> stored(const std::string& id) const;
  Result<void> expect_taken(const std::string& id) const;

  asio::any_io_executor executor_;
  const scenario::RunPlan& plan_;
  const RunPaths& paths_;
  RunEvents events_;
  vmm::Backend& backend_;
  sandbox::SandboxConfig config_;
  const TimePoint started_ = SteadyClock::now();
  GuestSources guest_sources_;
  sandbox::Sandbox sandbox_;
  faults::FaultSet faults_;
  HeldConnections connections_;
  GuestSymbols symbols_;
  PhaseStop phase_stop_;
  Clones clones_;
  std::map<std::string, std::size_t> clone_reports_;  ///< By name: where in result_.restores they are.
  std::vector<Draw> draws_;
  std::vector<ExecTurns> exec_turns_;
  std::optional<snapshot::SnapshotStore> store_;
  std::map<std::string, std::string> snapshots_;               ///< Name in the scenario -> id in the store.
  std::map<std::string, std::set<std::string>> workloads_in_;  ///< Id in the store -> what runs in its guest.
  std::string origin_;  ///< The id of what was last taken or restored: the parent of a diff.
  struct Restored {
    std::size_t report;    ///< Which of result_.restores it is: clones have theirs there, too.
    std::string snapshot;  ///< Its id in the store.
    uffd::Prefetch prefetch;
    std::string life;  ///< "restore 2", over all guests of the run.
    TimePoint requested;
    std::vector<sandbox::PhaseTiming> phases;  ///< Complete once it is healthy.
  };
  std::optional<Restored> restored_;  ///< Where the present guest comes from; nothing after a boot.
  std::uint64_t taken_ = 0;
  bool quiesced_by_step_ = false;
  std::optional<agent::HealthReport> health_;
  std::string last_step_;
  std::string last_point_;
  unsigned branches_ = 0;         ///< Parallel steps under way.
  bool paused_by_abort_ = false;  ///< A pause that failed has left the guest so, not the scenario.
  std::set<std::string> workloads_;
  std::vector<std::unique_ptr<oracles::Oracle>> oracles_;
  FindingLog findings_;
  struct SeenHang {
    std::string when;
    std::optional<std::string> where = {};  ///< Nothing when there was no guest left to look at.
    bool told = false;                      ///< A finding says so.
  };
  std::optional<SeenHang> hang_;
  std::string boot_id_;  ///< Of the guest's kernel, once it has been healthy.
  report::RunResult result_;
};

}  // namespace snaphammer::engine
