#include "lib/sandbox/incarnation.h"

#include <utility>

#include <signal.h>

#include "lib/base/log.h"

namespace snaphammer::sandbox {
namespace {

/// From a VMM's last descriptor to its exit: the kernel frees its memory in between.
constexpr Duration kExitLimit = std::chrono::seconds(10);

}  // namespace

Incarnation::Incarnation(asio::any_io_executor executor, vmm::Backend& backend)
    : executor_(std::move(executor)),
      backend_(backend),
      failed_(executor_),
      handed_off_(executor_),
      tasks_(executor_) {}

Incarnation::~Incarnation() = default;

Result<void> Incarnation::start_handler(const MakeHandler& make) {
  SNAP_ASSIGN(handler_, make({.handed_off = [this] { handed_off_.set(); },
                              .failed = [this](Error error) { fail(Failure::Kind::kHandler, std::move(error)); }}));
  return {};
}

Async<void> Incarnation::start_vmm(vmm::VmConfig config, vmm::VmPlacement placement) {
  CO_SNAP_ASSIGN(std::unique_ptr<vmm::Vm> vm, co_await backend_.start(std::move(config), std::move(placement)));
  take_vmm(std::move(vm));
  co_return Result<void>();
}

void Incarnation::take_vmm(std::unique_ptr<vmm::Vm> vm) {
  vm_ = std::move(vm);
  tasks_.spawn(watch_vmm());
}

Awaitable<void> Incarnation::watch_vmm() {
  auto end = co_await vm_->wait_ended();
  if (end) {
    const auto who = end->by_guest ? Failure::Kind::kGuest : Failure::Kind::kVmm;
    fail(who, Error(ErrorKind::kGone, "the VMM " + end->describe()));
  } else {
    fail(Failure::Kind::kVmm, end.error().in("watch the VMM"));
  }
}

Async<void> Incarnation::wait_handed_off() { return handed_off_.wait(); }

Result<void> Incarnation::open_door(const std::filesystem::path& path, agent::OutputListener::OnLine on_line,
                                    agent::OutputTaken output) {
  vsock::HostOptions options;
  options.packets = vm_->take_vsock_packets();
  options.path = path;
  SNAP_ASSIGN(vsock_, vsock::Host::start(executor_, std::move(options)));
  SNAP_ASSIGN(output_, agent::OutputListener::listen(executor_, path, std::move(on_line), output));
  client_ = std::make_unique<agent::Client>(executor_, path);
  return {};
}

void Incarnation::await_transport_reset(std::optional<std::uint32_t> stale_output) {
  stale_output_ = stale_output;
  awaited_reset_ = std::make_shared<AwaitTransportReset>(agent::kOutputPort);
  vsock_->add_filter(awaited_reset_);
}

void Incarnation::replace_transport_reset() {
  if (awaited_reset_ == nullptr) return;
  log_warning("sandbox", "the guest has not handled its transport reset: its output connection is ended instead");
  awaited_reset_->give_up();
  if (stale_output_) static_cast<void>(vsock_->refuse(*stale_output_, agent::kOutputPort));
}

void Incarnation::fail(Failure::Kind kind, Error error) {
  if (failure_) return;
  if (kind != Failure::Kind::kEnded) log_warning("sandbox", "{}", error.describe());
  failure_ = Failure{kind, std::move(error)};
  failed_.set();
}

Awaitable<void> Incarnation::await_cause() {
  if (!vsock_ || !vsock_->ended().is_set()) co_return;
  static_cast<void>(co_await with_deadline(kExitLimit, "the VMM's end", failed_.wait()));
}

void Incarnation::kill_vmm(Error why) {
  fail(Failure::Kind::kLost, std::move(why));
  if (vm_) static_cast<void>(vm_->signal(SIGKILL));  // Fails only when it has ended already.
}

void Incarnation::kill() {
  fail(Failure::Kind::kEnded, Error(ErrorKind::kGone, "the guest was ended"));
  if (vm_) static_cast<void>(vm_->signal(SIGKILL));
}

Awaitable<void> Incarnation::end() {
  kill();
  co_await tasks_.wait_idle();
  if (vsock_) vsock_->stop();
  if (handler_) handler_->stop();
}

}  // namespace snaphammer::sandbox
