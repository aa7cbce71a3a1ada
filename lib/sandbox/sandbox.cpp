#include "lib/sandbox/sandbox.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/sandbox/balloon.h"
#include "lib/sandbox/randomness.h"

namespace snaphammer::sandbox {

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
      warm_vmms_(executor_, backend_, config_.vm, paths_, config_.warm_vmms),
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
  return Error(ErrorKind::kRefused, fmt::format("{}: refused, the guest is {}", operation, name_of(state())));
}

Result<void> Sandbox::idle() const {
  if (ending_) return Error(ErrorKind::kRefused, "the guest is being ended");
  if (!sequences_.idle()) return Error(ErrorKind::kRefused, "another operation on the guest is under way");
  return {};
}

Result<TaskGroup::Membership> Sandbox::begin(std::string_view operation, std::initializer_list<State> allowed) {
  if (auto free = idle(); !free) return std::move(free).error().in(std::string(operation) + ": refused");
  SNAP_TRY(admit(operation, allowed));
  return sequences_.enter();
}

Async<RestoreReport> Sandbox::await_healthy() {
  CO_SNAP_TRY(admit("await_healthy", {State::kStarting, State::kRunning, State::kUnhealthy}));
  const std::shared_ptr<BringUp> bring_up = bring_up_;  // Another restore may begin meanwhile.
  if (bring_up == nullptr) co_return Error(ErrorKind::kRefused, "await_healthy: refused, the guest is being restored");
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
  prepared_ = false;
}

Awaitable<void> Sandbox::end() {
  ending_ = true;
  // What is under way fails now. A sequence may itself be ending its incarnation, or still be starting the VMM of one.
  if (incarnation_ != nullptr) incarnation_->kill();
  co_await sequences_.wait_idle();
  co_await abandon();
  if (last_failure_ && last_failure_->kind == Failure::Kind::kLost)
    last_failure_.reset();  // What is ended is not missed.
  co_await warm_vmms_.end();
  proxied_.clear();
  co_await proxy_.stop();
  ending_ = false;
}

Awaitable<void> Sandbox::give_up(const Error& why) {
  if (observer_ != nullptr) co_await observer_->gives_up(why);
  co_await abandon();
}

Awaitable<void> Sandbox::abandon() {
  co_await end_incarnation();
  state_ = State::kEnded;
}

Async<void> Sandbox::pause() {
  CO_SNAP_ASSIGN(const TaskGroup::Membership under_way,
                 begin("pause", {State::kStarting, State::kRunning, State::kUnhealthy}));
  CO_SNAP_TRY(co_await bring_up_->wait());
  CO_SNAP_TRY(co_await with_deadline(kMonitorDeadline, "pause", incarnation_->vm().pause()));
  state_ = State::kPaused;
  co_return Result<void>();
}

Async<vmm::FreezeHit> Sandbox::freeze_at(vmm::FreezePoint point) {
  CO_SNAP_ASSIGN(const TaskGroup::Membership under_way, begin("freeze", {State::kStarting, State::kRunning}));
  CO_SNAP_TRY(co_await bring_up_->wait());
  CO_SNAP_ASSIGN(const vmm::FreezeHit hit,
                 co_await incarnation_->unless_failed(incarnation_->vm().freeze_at(std::move(point))));
  state_ = State::kPaused;
  co_return hit;
}

Async<void> Sandbox::stop_at_phase() {
  if (incarnation_ == nullptr || !incarnation_->has_vm()) {
    co_return Error(ErrorKind::kUnavailable, "freeze: there is no guest");
  }
  CO_SNAP_TRY(co_await with_deadline(kMonitorDeadline, "freeze", incarnation_->vm().pause()));
  if (sequences_.idle()) state_ = State::kPaused;
  co_return Result<void>();
}

Async<void> Sandbox::resume() {
  CO_SNAP_ASSIGN(const TaskGroup::Membership under_way, begin("resume", {State::kPaused}));
  CO_SNAP_TRY(co_await with_deadline(kMonitorDeadline, "resume", incarnation_->vm().resume()));
  if (bring_up_ == nullptr) {  // Restored, and never run yet.
    state_ = State::kStarting;
    start_bring_up(config_.budget_ready);
  } else {
    state_ = bring_up_->done() ? State::kRunning : State::kStarting;
    const bool quiesced = prepared_ && config_.quiesce;
    if (prepared_) CO_SNAP_TRY(co_await give_back());
    if (bring_up_->healthy()) {
      if (!quiesced) co_await try_to_set_guest_clock();
      in_flight_.accept();
    }
  }
  co_return Result<void>();
}

Async<void> Sandbox::give_back() {
  prepared_ = false;
  if (config_.balloon.inflate) CO_SNAP_TRY(co_await deflate_balloon(*incarnation_));
  if (config_.quiesce) CO_SNAP_TRY(co_await unquiesce_guest());
  co_return Result<void>();
}

}  // namespace snaphammer::sandbox
