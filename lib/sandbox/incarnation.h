// Incarnation: one VMM process with everything that serves it: page-fault handler, vsock door, the agent's client.
// A restore ends one and begins the next.
//
//   Incarnation vm(executor, backend);
//   SNAP_TRY(vm.start_handler([&](HandlerEvents events) { return start_builtin_handler(...); }));   // for a restore
//   CO_SNAP_TRY(co_await vm.start_vmm(config, placement));
//   SNAP_TRY(vm.open_door(path, on_line));
//   CO_SNAP_TRY(co_await vm.unless_failed(vm.client().health()));            // fails at once when the VMM ends
//   co_await vm.end();                                                       // always, before it is destroyed
//
// One io_context thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "lib/agent/client.h"
#include "lib/agent/output_listener.h"
#include "lib/base/async.h"
#include "lib/base/task_group.h"
#include "lib/sandbox/fault_handler.h"
#include "lib/sandbox/transport_reset.h"
#include "lib/vmm/vm.h"
#include "lib/vsock/host.h"

namespace snaphammer::sandbox {

/// Why an incarnation cannot go on.
struct Failure {
  enum class Kind {
    kEnded,    ///< end() was called.
    kLost,     ///< kill_vmm() was called, or a pause that failed could not be undone.
    kGuest,    ///< The guest powered off or reset itself, which ends its VMM.
    kVmm,      ///< The VMM process ended by itself.
    kHandler,  ///< Nobody serves its memory any more.
  };
  Kind kind;
  Error error;
};

class Incarnation {
 public:
  Incarnation(asio::any_io_executor executor, vmm::Backend& backend);
  ~Incarnation();
  Incarnation(const Incarnation&) = delete;
  Incarnation& operator=(const Incarnation&) = delete;

  using MakeHandler = std::function<Result<std::unique_ptr<FaultHandler>>(HandlerEvents)>;
  /// Listens for the hand-off of the VMM that is started next.
  Result<void> start_handler(const MakeHandler& make);
  Async<void> start_vmm(vmm::VmConfig config, vmm::VmPlacement placement);
  /// Takes over one that was started ahead.
  void take_vmm(std::unique_ptr<vmm::Vm> vm);
  /// Returns when the handler has been given the VMM's memory.
  Async<void> wait_handed_off();
  /// Opens the hybrid vsock door at `path` and listens for the agent's output.
  Result<void> open_door(const std::filesystem::path& path, agent::OutputListener::OnLine on_line,
                         agent::OutputTaken output);
  /// The guest is a restored one and will get a transport reset: see AwaitTransportReset. `stale_output` is the guest's
  /// port of the output connection that it had in the snapshot, if that is known.
  void await_transport_reset(std::optional<std::uint32_t> stale_output);
  /// The transport reset is taken to be lost: ends the stale output connection by RST, as the reset would have.
  void replace_transport_reset();

  /// Each only after the call that makes it.
  vmm::Vm& vm() { return *vm_; }
  bool has_vm() const { return vm_ != nullptr; }
  bool has_door() const { return vsock_ != nullptr; }
  /// Null after a boot.
  FaultHandler* handler() { return handler_.get(); }
  /// Null after a boot, and when the handler is a program.
  uffd::PageServer* page_server() { return handler_ ? handler_->page_server() : nullptr; }
  vsock::Host& vsock() { return *vsock_; }
  agent::Client& client() { return *client_; }
  agent::OutputListener& output() { return *output_; }

  /// Set once this incarnation cannot go on.
  const std::optional<Failure>& failure() const { return failure_; }

  /// Awaits `operation`; cancels it and returns the failure's error when this incarnation fails first.
  template <class T>
  Async<T> unless_failed(Async<T> operation) {
    using namespace asio::experimental::awaitable_operators;  // NOLINT: the documented way to get operator||
    if (failure_) co_return failure_->error;
    const TaskGroup::Membership under_way = tasks_.enter();
    auto outcome = co_await (without_exceptions("guest operation", std::move(operation)) || failed_.wait());
    if (outcome.index() == 0) {
      Result<T> result = std::get<0>(std::move(outcome));
      if (!result) co_await await_cause();
      if (result || !failure_) co_return result;
    }
    if (failure_) co_return failure_->error;
    co_return Error(ErrorKind::kCancelled, "guest operation: cancelled");
  }

  /// Kills the VMM, as a crash would: what is under way fails with `why`.
  void kill_vmm(Error why);
  /// Kills the VMM, if it has been started, and fails what is under way; end() is still to be awaited. Idempotent.
  void kill();
  /// The same, and returns when all of it has ended. Idempotent, but for one at a time to await.
  Awaitable<void> end();

 private:
  void fail(Failure::Kind kind, Error error);
  /// A dying VMM's connections end before the process does: what failed by that waits here for the cause.
  Awaitable<void> await_cause();
  Awaitable<void> watch_vmm();

  asio::any_io_executor executor_;
  vmm::Backend& backend_;
  std::optional<Failure> failure_;
  Event failed_;
  Event handed_off_;
  TaskGroup tasks_;
  // In the order of their making; destroyed in the reverse one, the VMM before who serves its memory.
  std::unique_ptr<FaultHandler> handler_;
  std::unique_ptr<vmm::Vm> vm_;
  std::unique_ptr<vsock::Host> vsock_;
  std::shared_ptr<AwaitTransportReset> awaited_reset_;  ///< Null when there is none to come.
  std::optional<std::uint32_t> stale_output_;
  std::unique_ptr<agent::OutputListener> output_;
  std::unique_ptr<agent::Client> client_;
};

}  // namespace snaphammer::sandbox
