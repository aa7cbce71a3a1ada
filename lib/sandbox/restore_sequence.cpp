// How a guest comes up: booted from its kernel, or restored from a snapshot, and then taken to healthy.
#include <utility>

#include "lib/base/blocking.h"
#include "lib/sandbox/output_port.h"
#include "lib/sandbox/randomness.h"
#include "lib/sandbox/sandbox.h"
#include "lib/sandbox/snapshot_page_source.h"
#include "lib/sandbox/working_set.h"

namespace snaphammer::sandbox {
namespace {

using namespace std::chrono_literals;
using namespace phases;  // NOLINT: names of this folder

constexpr Duration kVmmDeadline = 20s;
constexpr Duration kBootBudget = 120s;  // From the first instruction to the agent, under emulation.
constexpr std::size_t kEntropyBytes = 64;

}  // namespace

Async<void> Sandbox::boot() {
  CO_SNAP_ASSIGN(const TaskGroup::Membership under_way, begin("boot", {State::kNone, State::kEnded}));
  state_ = State::kStarting;
  begin_incarnation();
  Sequence sequence("boot", observer_);
  sequence.add(kBootVmm, kVmmDeadline, [this] { return start_vmm(/*hand_off=*/false); });
  sequence.add(kBootDoor, kMonitorDeadline, [this] { return completed(open_door()); });
  sequence.add(kBootResume, kMonitorDeadline, [this] { return incarnation_->vm().resume(); });
  const SequenceOutcome outcome = co_await sequence.run(OnAbort::kAbandon);
  if (!outcome.result) {
    co_await asio::this_coro::throw_if_cancelled(false);  // Whoever cancelled it wants it to end, but not half-way.
    co_await give_up(outcome.result.error());
    co_return outcome.result;
  }
  start_bring_up(kBootBudget);
  auto healthy = co_await bring_up_->wait();
  co_return healthy;
}

Async<void> Sandbox::restore(const snapshot::Snapshot& from, RestoreOptions options) {
  CO_SNAP_ASSIGN(const TaskGroup::Membership under_way,
                 begin("restore", {State::kNone, State::kStarting, State::kRunning, State::kPaused, State::kUnhealthy,
                                   State::kEnded}));
  restore_requested_ = SteadyClock::now();
  state_ = State::kStarting;
  Sequence sequence("restore " + from.manifest.id, observer_);
  sequence.add(kEndPrevious, kVmmDeadline, [this]() -> Async<void> {
    co_await end_incarnation();
    if (ending_) co_return Error(ErrorKind::kGone, "the guest was ended");
    begin_incarnation();
    co_return Result<void>();
  });
  std::optional<WarmVmm> warm;
  sequence.add(kHandler, kMonitorDeadline, [this, &from, &options, &warm] {
    // Whoever serves memory otherwise binds the socket himself.
    if (uses_page_server(options) && !spoiled_handoff_) warm = warm_vmms_.take();
    return start_handler(from, options, warm ? std::optional(std::move(warm->handoff)) : std::nullopt);
  });
  sequence.add(kVmm, kVmmDeadline, [this, &warm] {
    if (!warm) return start_vmm(/*hand_off=*/true);
    incarnation_->take_vmm(std::move(warm->vm));
    return completed(Result<void>());
  });
  sequence.add(kHandOff, kMonitorDeadline,
               [this] { return incarnation_->unless_failed(incarnation_->wait_handed_off()); });
  sequence.add(kDoor, kMonitorDeadline, [this, &from]() -> Async<void> {
    CO_SNAP_TRY(open_door());
    incarnation_->await_transport_reset(noted_output_port(from.manifest.metadata));
    co_return Result<void>();
  });
  // A VMM that waits for a page which nobody will serve answers neither.
  sequence.add(kLoad, kMonitorDeadline,
               [this, &from] { return incarnation_->unless_failed(incarnation_->vm().load(from.vmstate_path)); });
  if (options.let_run) {
    sequence.add(kResume, kMonitorDeadline,
                 [this] { return incarnation_->unless_failed(incarnation_->vm().resume()); });
  }
  SequenceOutcome outcome = co_await sequence.run(OnAbort::kAbandon);
  if (!outcome.result) {
    co_await asio::this_coro::throw_if_cancelled(false);  // Whoever cancelled it wants it to end, but not half-way.
    co_await give_up(outcome.result.error());
    co_return outcome.result;
  }
  restored_from_ = from;
  restore_report_ = {.from = from.manifest.id, .to_healthy = {}, .phases = std::move(outcome.timings)};
  if (options.let_run) {
    start_bring_up(config_.budget_ready);
  } else {
    state_ = State::kPaused;
  }
  co_return Result<void>();
}

Async<void> Sandbox::start_handler(snapshot::Snapshot from, RestoreOptions restore,
                                   std::optional<uffd::HandoffListener> listener) {
  std::shared_ptr<const uffd::PageSource> source = std::make_shared<SnapshotPageSource>(from.memory);
  if (!restore.in_place_of_boot) {
    for (const auto& faults : config_.source_faults) source = uffd::with_faults(source, faults);
  }
  if (uses_page_server(restore)) {
    uffd::PageServerOptions options;
    options.policy = restore.in_place_of_boot ? uffd::Policy{.prefetch = uffd::Prefetch::kWorkingSet} : config_.uffd;
    options.zeros_to_kernel = restore.in_place_of_boot;
    options.socket = paths_.handoff();
    options.listener = std::move(listener);
    options.source = source;
    options.working_set = extents_of(from.working_set);
    co_return incarnation_->start_handler([this, &options](HandlerEvents events) {
      return start_builtin_handler(executor_, std::move(options), spoiled_handoff_, std::move(events));
    });
  }
  const auto write = [&source, this] { return write_flat_memory(*source, paths_.handler_memory()); };
  CO_SNAP_TRY(co_await run_blocking(pool_, write));
  co_return incarnation_->start_handler([this](HandlerEvents events) {
    return start_external_handler(executor_,
                                  {.command = config_.handler_command,
                                   .vmm_socket = paths_.handoff(),
                                   .own_socket = paths_.handler_socket(),
                                   .memory_file = paths_.handler_memory(),
                                   .log = paths_.handler_log(),
                                   .handoff_log = paths_.handoff_log(),
                                   .spoil = spoiled_handoff_},
                                  std::move(events));
  });
}

Async<void> Sandbox::start_vmm(bool hand_off) {
  vmm::VmPlacement placement = paths_.placement();
  if (hand_off) placement.memory_handoff = paths_.handoff();
  return incarnation_->start_vmm(config_.vm, placement);
}

Result<void> Sandbox::open_door() {
  SNAP_TRY(incarnation_->open_door(
      paths_.door(), [this](const agent::OutputLine& line) { output_log_ << line.to_json().dump() << '\n'; },
      config_.output));
  return {};
}

void Sandbox::start_bring_up(Duration budget_ready) {
  BringUpOptions options{.budget_ready = budget_ready,
                         .budget_init = config_.budget_init,
                         .budgets = config_.budgets,
                         .deflate = config_.balloon.inflate && incarnation_->handler() != nullptr,
                         .set_clock = config_.set_clock,
                         .init = {}};
  options.init.generation = new_generation();
  options.init.identity.name = config_.name;
  options.init.listener = config_.listener;
  options.init.policy = config_.agent;
  if (config_.reseed) options.init.entropy = random_bytes(kEntropyBytes);
  options.on_healthy = [this] {
    if (incarnation_->failure()) return;
    in_flight_.accept();
    warm_vmms_.refill();
  };
  bring_up_ = std::make_shared<BringUp>(executor_, *incarnation_, std::move(options), observer_);
  bring_up_->start();
}

}  // namespace snaphammer::sandbox
