// VMM processes that were started ahead of the restores that will use them: they wait for a state, with empty memory.
//
//   WarmVmms warm(executor, backend, vm_config, paths, 1);
//   warm.refill();                                       // when there is time for it: after a guest has become healthy
//   if (std::optional<WarmVmm> vmm = warm.take()) ...    // at a restore; without one, start a VMM then
//   co_await warm.end();                                 // always, before it is destroyed
//
// Each has called at a hand-off socket of its own when it started; who serves the restore takes that socket over and finds the
// hand-off waiting there. One io_context thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "lib/base/task_group.h"
#include "lib/sandbox/sandbox_config.h"
#include "lib/uffd/handoff_listener.h"
#include "lib/vmm/vm.h"

namespace snaphammer::sandbox {

struct WarmVmm {
  uffd::HandoffListener handoff;
  std::unique_ptr<vmm::Vm> vm;
};

class WarmVmms {
 public:
  WarmVmms(const asio::any_io_executor& executor, vmm::Backend& backend, vmm::VmConfig config, SandboxPaths paths,
           unsigned count);
  WarmVmms(const WarmVmms&) = delete;
  WarmVmms& operator=(const WarmVmms&) = delete;

  /// Starts in the background what is missing. One that cannot be started is logged: a restore then starts its own.
  void refill();
  /// One that waits, if there is one that has not ended meanwhile.
  std::optional<WarmVmm> take();
  /// Ends those that wait, and those under way, and returns when none is left.
  Awaitable<void> end();

 private:
  Awaitable<void> start_one();

  vmm::Backend& backend_;
  const vmm::VmConfig config_;
  const SandboxPaths paths_;
  const unsigned count_;
  std::deque<WarmVmm> waiting_;
  unsigned starting_ = 0;
  std::uint64_t started_ = 0;  ///< For the names of sockets.
  bool ended_ = false;
  TaskGroup tasks_;
};

}  // namespace snaphammer::sandbox
