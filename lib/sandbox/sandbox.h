// Sandbox: one guest's life, through any number of VMM processes.
//
//   Sandbox sandbox(executor, backend, config, paths);
//   CO_SNAP_TRY(co_await sandbox.boot());                                          // from the kernel, to healthy
//   CO_SNAP_ASSIGN(PauseReport pause, co_await sandbox.snapshot(store, {.id = "s1"}));
//   CO_SNAP_ASSIGN(snapshot::Snapshot s1, store.load("s1"));
//   CO_SNAP_TRY(co_await sandbox.restore(s1));                                     // vCPUs run when it returns
//   CO_SNAP_ASSIGN(RestoreReport restore, co_await sandbox.await_healthy());       // init, health and one exec done
//   CO_SNAP_ASSIGN(agent::ExecResult done, co_await sandbox.exec({.command = {"uname", "-r"}, .timeout = 5s}));
//   co_await sandbox.end();                                                        // always, before it is destroyed
//
// All on one io_context thread, which must live as long as the VMMs; memory is copied on a thread pool of its own.
// The state gates the operations: what does not fit the present one is refused at once with kRefused, and of boot,
// restore and snapshot only one is under way at a time. A snapshot refuses what comes while it is being taken, and lets
// operations and proxied connections that are under way end, or ends them. end() is right at any moment: it makes all of
// them fail, and waits until they have. When the VMM or the page server ends by itself, everything under way fails at once
// and says how it ended.
#pragma once

#include <fstream>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include "lib/agent/client.h"
#include "lib/base/async.h"
#include "lib/base/task_group.h"
#include "lib/proxy/proxy.h"
#include "lib/sandbox/bring_up.h"
#include "lib/sandbox/incarnation.h"
#include "lib/sandbox/reports.h"
#include "lib/sandbox/sandbox_config.h"
#include "lib/sandbox/sequence.h"
#include "lib/sandbox/state.h"
#include "lib/sandbox/warm_vmms.h"
#include "lib/snapshot/store.h"
#include "lib/uffd/policy.h"
#include "lib/vmm/vm.h"

namespace snaphammer::sandbox {

class Sandbox {
 public:
  /// `observer`, if any, outlives it.
  Sandbox(asio::any_io_executor executor, vmm::Backend& backend, SandboxConfig config, SandboxPaths paths,
          PhaseObserver* observer = nullptr);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  /// Boots the guest from its kernel and returns when it is healthy.
  Async<void> boot();
  /// Ends the present guest, if any, and restores `from`. Returns when its vCPUs run; it becomes healthy by itself,
  /// which await_healthy() and every operation on the guest wait for.
  Async<void> restore(const snapshot::Snapshot& from, RestoreOptions options = {});
  /// For the restores that follow.
  void set_prefetch(uffd::Prefetch prefetch) { config_.uffd.prefetch = prefetch; }
  /// For the restores that follow: their hand-off is spoiled on its way.
  void spoil_handoff(std::optional<uffd::SpoiledHandoff> spoil) { spoiled_handoff_ = std::move(spoil); }
  /// How the latest restore went; an error when the guest did not become healthy within its budgets.
  Async<RestoreReport> await_healthy();
  /// The pause sequence: freezes the guest, stores it, lets it go on.
  Async<PauseReport> snapshot(const snapshot::SnapshotStore& store, SnapshotOptions options);

  /// A command in the guest. An empty id is replaced by a new one.
  Async<agent::ExecResult> exec(agent::ExecRequest request);
  Async<agent::HealthReport> health();
  /// What the guest and its agent use.
  Async<agent::Metrics> metrics();
  /// Its TCP ports, each behind vsock port agent::kForwardedPorts plus its number.
  Async<agent::PortsReport> ports();
  Async<agent::WorkloadInfo> start_workload(agent::StartWorkload request);
  Async<agent::CheckReport> check_workload(std::string as, Duration timeout, agent::Client::OnFinding on_finding);
  Async<std::vector<agent::WorkloadInfo>> workloads();
  Async<agent::WorkloadInfo> stop_workload(std::string as, Duration timeout);
  /// Where clients on the host reach vsock port `guest_port`, from the first call until end(), through every restore.
  /// While no guest is healthy, and in a pause, they are refused: see proxy::Proxy.
  Result<proxy::ListenAddress> proxied(std::uint32_t guest_port);
  const proxy::Proxy& proxy() const { return proxy_; }
  /// Quiesces the guest as a pause would, and undoes that.
  Async<void> quiesce();
  Async<void> unquiesce();

  /// Kills the guest and returns when nothing of it is left. Idempotent.
  Awaitable<void> end();

  /// Stops the vCPUs where they are, and lets them go on: for scenarios that want just that.
  Async<void> pause();
  Async<void> resume();
  /// Lets the guest run on until it is at `point`, and stops its vCPUs exactly there, as pause() would. Operations on the
  /// guest go on meanwhile. When it is cancelled, the guest runs on.
  Async<vmm::FreezeHit> freeze_at(vmm::FreezePoint point);
  /// Stops the vCPUs at once, from a PhaseObserver, while the guest comes up or a pause sequence is under way: that goes on
  /// without the guest's help as far as it can.
  Async<void> stop_at_phase();

  State state() const;
  /// An error, which says why, while a boot, restore, snapshot, pause, resume or end is under way: each of the others, but
  /// for end(), is then refused.
  Result<void> idle() const;
  /// Why the present guest, or the one that the latest restore had to give up, cannot go on.
  const std::optional<Failure>& failure() const;
  /// The VMM and its page server, for oracles and faults; null without a guest.
  Incarnation* incarnation() { return incarnation_.get(); }
  const SandboxPaths& paths() const { return paths_; }
  /// What the present guest was restored from; nothing without a guest, and after a boot.
  const std::optional<snapshot::Snapshot>& restored_from() const { return restored_from_; }

 private:
  /// Refuses `operation` unless the state is one of `allowed`.
  Result<void> admit(std::string_view operation, std::initializer_list<State> allowed) const;
  /// The same for what changes the state: refuses it also while another such operation is under way. It counts as one
  /// until what is returned is destroyed.
  Result<TaskGroup::Membership> begin(std::string_view operation, std::initializer_list<State> allowed);
  /// Ends the guest after a sequence that could not be undone.
  Awaitable<void> give_up(const Error& why);
  Awaitable<void> abandon();
  void begin_incarnation();
  Awaitable<void> end_incarnation();
  /// With a `listener` for a VMM that was started ahead.
  Async<void> start_handler(snapshot::Snapshot from, RestoreOptions options,
                            std::optional<uffd::HandoffListener> listener);
  Async<void> start_vmm(bool hand_off);
  bool uses_page_server(RestoreOptions restore) const {
    return config_.handler_command.empty() || restore.in_place_of_boot;
  }
  Result<void> open_door();
  void start_bring_up(Duration budget_ready);

  void add_in_flight_phases(Sequence& sequence);
  Async<void> drain();
  Async<void> prepare_guest();
  Async<void> unquiesce_guest();
  Async<void> set_guest_clock();
  Awaitable<void> try_to_set_guest_clock();
  /// Undoes what a snapshot after which the guest stood still had taken from it.
  Async<void> give_back();
  Async<void> settle_memory();
  Async<void> write_memory(snapshot::SnapshotWriter& writer, std::string parent);

  /// Waits until the guest is healthy, then makes `call` unless the guest fails or a pause interrupts it first.
  template <class T, class Call>
  Async<T> on_guest(std::string operation, Call call);

  asio::any_io_executor executor_;
  vmm::Backend& backend_;
  SandboxConfig config_;
  SandboxPaths paths_;
  PhaseObserver* observer_;
  asio::thread_pool pool_{1};
  std::ofstream output_log_;

  State state_ = State::kNone;
  std::optional<uffd::SpoiledHandoff> spoiled_handoff_;
  std::unique_ptr<Incarnation> incarnation_;
  std::optional<Failure> last_failure_;  ///< Of an incarnation that is no more, when it did not end by our will.
  std::shared_ptr<BringUp> bring_up_;
  TaskGroup sequences_;  ///< Who refers to the incarnation from one await to the next.
  bool ending_ = false;
  proxy::InFlight in_flight_;  ///< Operations on the guest and proxied connections.
  proxy::Proxy proxy_;
  std::map<std::uint32_t, proxy::ListenAddress> proxied_;  ///< By guest port.
  WarmVmms warm_vmms_;
  bool prepared_ = false;  ///< For a snapshot after which it stood still.
  std::optional<snapshot::Snapshot> restored_from_;
  RestoreReport restore_report_;  ///< Of the restore under way; complete when bring_up_ is done.
  TimePoint restore_requested_;
  /// For ids of commands. The guest of a snapshot remembers those of another Sandbox, or of another life of this one.
  const std::string exec_prefix_;
  std::uint64_t execs_ = 0;
};

}  // namespace snaphammer::sandbox
