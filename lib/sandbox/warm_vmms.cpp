#include "lib/sandbox/warm_vmms.h"

#include <utility>

#include <fmt/format.h>
#include <signal.h>

#include "lib/base/log.h"

namespace snaphammer::sandbox {
namespace {

Async<WarmVmm> start(vmm::Backend& backend, vmm::VmConfig config, vmm::VmPlacement placement) {
  CO_SNAP_ASSIGN(uffd::HandoffListener handoff, uffd::HandoffListener::listen(*placement.memory_handoff));
  CO_SNAP_ASSIGN(std::unique_ptr<vmm::Vm> vm, co_await backend.start(std::move(config), std::move(placement)));
  co_return WarmVmm{std::move(handoff), std::move(vm)};
}

Awaitable<void> kill(vmm::Vm& vm) {
  static_cast<void>(vm.signal(SIGKILL));  // Fails only when it has ended already.
  static_cast<void>(co_await vm.wait_ended());
}

}  // namespace

WarmVmms::WarmVmms(const asio::any_io_executor& executor, vmm::Backend& backend, vmm::VmConfig config,
                   SandboxPaths paths, unsigned count)
    : backend_(backend), config_(std::move(config)), paths_(std::move(paths)), count_(count), tasks_(executor) {}

void WarmVmms::refill() {
  ended_ = false;
  while (waiting_.size() + starting_ < count_) {
    ++starting_;
    tasks_.spawn(start_one());
  }
}

Awaitable<void> WarmVmms::start_one() {
  vmm::VmPlacement placement = paths_.placement();
  placement.memory_handoff = paths_.sockets / fmt::format("uffd-warm-{}", ++started_);
  auto vmm = co_await start(backend_, config_, std::move(placement));
  --starting_;
  if (!vmm) {
    log_warning("sandbox", "a VMM for the next restore: {}", vmm.error().describe());
  } else if (ended_) {
    co_await kill(*vmm->vm);
  } else {
    waiting_.push_back(*std::move(vmm));
  }
}

std::optional<WarmVmm> WarmVmms::take() {
  while (!waiting_.empty()) {
    WarmVmm vmm = std::move(waiting_.front());
    waiting_.pop_front();
    if (vmm.vm->signal(0)) return vmm;
  }
  return std::nullopt;
}

Awaitable<void> WarmVmms::end() {
  ended_ = true;
  while (!waiting_.empty()) {
    const WarmVmm vmm = std::move(waiting_.front());
    waiting_.pop_front();
    co_await kill(*vmm.vm);
  }
  co_await tasks_.wait_idle();
}

}  // namespace snaphammer::sandbox
