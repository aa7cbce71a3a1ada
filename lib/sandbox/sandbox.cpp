#include "lib/sandbox/sandbox.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/random.h>

#include "lib/base/blocking.h"
#include "lib/sandbox/output_port.h"
#include "lib/sandbox/snapshot_page_source.h"

namespace snaphammer::sandbox {
namespace {

using namespace std::chrono_literals;
using namespace phases;  // NOLINT: names of this folder

constexpr Duration kVmmDeadline = 20s;
constexpr Duration kMonitorDeadline = 10s;  // For what a VMM does in milliseconds.
constexpr Duration kBootBudget = 120s;      // From the first instruction to the agent, under emulation.
constexpr std::size_t kEntropyBytes = 64;

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t done = 0; done < count;) {
    const ssize_t n = ::getrandom(bytes.data() + done, count - done, 0);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return bytes;
}

std::string new_generation() {
  std::string text;
  for (const char byte : random_bytes(8)) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

}  // namespace

Sandbox::Sandbox(asio::any_io_executor executor, vmm::Backend& backend, SandboxConfig config, SandboxPaths paths,
                 PhaseObserver* observer)
    : executor_(std::move(executor)),
      backend_(backend),
      config_(std::move(config)),
      paths_(std::move(paths)),
      observer_(observer),
      output_log_(paths_.output_log(), std::ios::app),
      sequences_(executor_),
      in_flight_(executor_),
      proxy_(executor_, paths_.door(), in_flight_),
      exec_prefix_("exec-" + new_generation() + "-") {
  in_flight_.refuse("the guest is not up");
}

Sandbox::~Sandbox() = default;

State Sandbox::state() const {
  if (state_ != State::kStarting || bring_up_ == nullptr || !bring_up_->done()) return state_;
  return bring_up_->healthy() ? State::kRunning : State::kUnhealthy;
}

Result<void> Sandbox::admit(std::string_view operation, std::initializer_list<State> allowed) const {
  if (std::find(allowed.begin(), allowed.end(), state()) != allowed.end()) return {};
  return Error(ErrorKind::kUnavailable, fmt::format("{}: refused, the guest is {}", operation, name_of(state())));
}

Result<void> Sandbox::idle() const {
  if (ending_) return Error(ErrorKind::kUnavailable, "the guest is being ended");
  if (!sequences_.idle()) return Error(ErrorKind::kUnavailable, "another operation on the guest is under way");
  return {};
}

Result<TaskGroup::Membership> Sandbox::begin(std::string_view operation, std::initializer_list<State> allowed) {
  if (auto free = idle(); !free) return std::move(free).error().in(std::string(operation) + ": refused");
  SNAP_TRY(admit(operation, allowed));
  return sequences_.enter();
}

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
    co_await abandon();
    co_return outcome.result;
  }
  start_bring_up(kBootBudget);
  auto healthy = co_await bring_up_->wait();
  co_return healthy;
}

Async<void> Sandbox::restore(const snapshot::Snapshot& from, bool let_run) {
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
  sequence.add(kHandler, kMonitorDeadline, [this, &from] { return start_handler(from); });
  sequence.add(kVmm, kVmmDeadline, [this] { return start_vmm(/*hand_off=*/true); });
  sequence.add(kHandOff, kMonitorDeadline,
               [this] { return incarnation_->unless_failed(incarnation_->wait_handed_off()); });
  sequence.add(kDoor, kMonitorDeadline, [this, &from]() -> Async<void> {
    CO_SNAP_TRY(open_door());
    incarnation_->await_transport_reset(noted_output_port(from.manifest.metadata));
    co_return Result<void>();
  });
  sequence.add(kLoad, kMonitorDeadline, [this, &from] { return incarnation_->vm().load(from.vmstate_path); });
  if (let_run) sequence.add(kResume, kMonitorDeadline, [this] { return incarnation_->vm().resume(); });
  SequenceOutcome outcome = co_await sequence.run(OnAbort::kAbandon);
  if (!outcome.result) {
    co_await abandon();
    co_return outcome.result;
  }
  restored_from_ = from;
  restore_report_ = {.from = from.manifest.id, .to_healthy = {}, .phases = std::move(outcome.timings)};
  if (let_run) {
    start_bring_up(config_.budget_ready);
  } else {
    state_ = State::kPaused;
  }
  co_return Result<void>();
}

Async<RestoreReport> Sandbox::await_healthy() {
  CO_SNAP_TRY(admit("await_healthy", {State::kStarting, State::kRunning, State::kUnhealthy}));
  const std::shared_ptr<BringUp> bring_up = bring_up_;  // Another restore may begin meanwhile.
  if (bring_up == nullptr)
    co_return Error(ErrorKind::kUnavailable, "await_healthy: refused, the guest is being restored");
  CO_SNAP_TRY(co_await bring_up->wait());
  RestoreReport report = restore_report_;
  report.phases.insert(report.phases.end(), bring_up->timings().begin(), bring_up->timings().end());
  report.to_healthy = bring_up->ended_at() - restore_requested_;
  co_return report;
}

const std::optional<Failure>& Sandbox::failure() const {
  return incarnation_ != nullptr ? incarnation_->failure() : last_failure_;
}

void Sandbox::begin_incarnation() { incarnation_ = std::make_unique<Incarnation>(executor_, backend_); }

Awaitable<void> Sandbox::end_incarnation() {
  if (incarnation_ == nullptr) co_return;
  in_flight_.refuse("the guest is being ended, or replaced");
  co_await incarnation_->end();
  co_await in_flight_.force_close();  // Proxied connections; operations have failed by now.
  if (bring_up_ != nullptr) static_cast<void>(co_await bring_up_->wait());  // It has failed with the incarnation.
  bring_up_.reset();
  last_failure_ = incarnation_->failure();
  incarnation_.reset();
  restored_from_.reset();
}

Awaitable<void> Sandbox::end() {
  ending_ = true;
  // What is under way fails now. A sequence may itself be ending its incarnation, or still be starting the VMM of one.
  if (incarnation_ != nullptr) incarnation_->kill();
  co_await sequences_.wait_idle();
  co_await abandon();
  proxied_.clear();
  co_await proxy_.stop();
  ending_ = false;
}

Awaitable<void> Sandbox::abandon() {
  co_await end_incarnation();
  state_ = State::kEnded;
}

Async<void> Sandbox::start_handler(snapshot::Snapshot from) {
  std::shared_ptr<const uffd::PageSource> source = std::make_shared<SnapshotPageSource>(from.memory);
  for (const auto& faults : config_.source_faults) source = uffd::with_faults(source, faults);
  if (config_.handler_command.empty()) {
    uffd::PageServerOptions options;
    options.policy = config_.uffd;
    options.socket = paths_.handoff();
    options.source = source;
    for (const ByteCount page : from.working_set) options.working_set.push_back({page, kPageSize});
    co_return incarnation_->start_handler([this, &options](HandlerEvents events) {
      return start_builtin_handler(executor_, std::move(options), bad_handoff_, std::move(events));
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
                                   .spoil = bad_handoff_},
                                  std::move(events));
  });
}

Async<void> Sandbox::start_vmm(bool hand_off) {
  vmm::VmPlacement placement;
  placement.directory = paths_.sockets;
  placement.console_log = paths_.console_log();
  placement.vmm_log = paths_.vmm_log();
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
  BringUpOptions options{
      .budget_ready = budget_ready,
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
    if (!incarnation_->failure()) in_flight_.accept();
  };
  bring_up_ = std::make_shared<BringUp>(executor_, *incarnation_, std::move(options), observer_);
  bring_up_->start();
}

Async<void> Sandbox::pause() {
  CO_SNAP_ASSIGN(const TaskGroup::Membership under_way,
                 begin("pause", {State::kStarting, State::kRunning, State::kUnhealthy}));
  CO_SNAP_TRY(co_await bring_up_->wait());
  CO_SNAP_TRY(co_await with_deadline(kMonitorDeadline, "pause", incarnation_->vm().pause()));
  state_ = State::kPaused;
  co_return Result<void>();
}

Async<void> Sandbox::resume() {
  CO_SNAP_ASSIGN(const TaskGroup::Membership under_way, begin("resume", {State::kPaused}));
  CO_SNAP_TRY(co_await with_deadline(kMonitorDeadline, "resume", incarnation_->vm().resume()));
  if (bring_up_ == nullptr) {  // Restored, and never run yet.
    state_ = State::kStarting;
    start_bring_up(config_.budget_ready);
  } else {
    state_ = State::kRunning;
    if (bring_up_->healthy()) in_flight_.accept();
  }
  co_return Result<void>();
}

}  // namespace snaphammer::sandbox
