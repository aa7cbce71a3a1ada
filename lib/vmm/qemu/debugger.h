// QEMU's GDB stub, attached to a machine while it is needed, and only then.
//
//   CO_SNAP_ASSIGN(auto debugger, co_await QemuDebugger::attach(qmp, "debug-1", QemuDebugger::Abandoned::kGoesOn));
//   CO_SNAP_ASSIGN(FreezeHit hit, co_await debugger->run_to(point));
//   CO_SNAP_TRY(co_await debugger->leave());                              // the machine stands there
//
// Attaching stops the machine. The stub is started at run time, over a socket pair whose other end QEMU is given, so
// a machine that is never debugged is started as any other, and nobody else can reach the stub.
//
// A machine that was stopped by a breakpoint or a step is in QEMU's run state `debug`: see saved_state.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/vmm/freeze_point.h"
#include "lib/vmm/gdb/remote.h"
#include "lib/vmm/qemu/qmp.h"

namespace snaphammer::vmm {

class QemuDebugger {
 public:
  /// What becomes of the machine when the debugger is destroyed without leave(): an operation was cancelled or failed.
  enum class Abandoned {
    kGoesOn,  ///< Its breakpoints are removed, and its vCPUs run.
    kStands,  ///< It stays stopped, as it was when it was attached to.
  };

  /// `qmp` outlives it; `name` is new for each.
  static Async<std::unique_ptr<QemuDebugger>> attach(QmpClient& qmp, std::string name, Abandoned abandoned);
  ~QemuDebugger();
  QemuDebugger(const QemuDebugger&) = delete;
  QemuDebugger& operator=(const QemuDebugger&) = delete;

  /// Lets the machine run until it is at `point`; all vCPUs stand still then.
  Async<FreezeHit> run_to(FreezePoint point);
  /// Where they stand, and which of `memories` each sees.
  Async<std::vector<VcpuState>> vcpus(std::vector<MemoryBytes> memories);
  /// Ends the stub; the machine stays as it is, stopped.
  Async<void> leave();

 private:
  QemuDebugger(const asio::any_io_executor& executor, QmpClient& qmp, UniqueFd socket, Abandoned abandoned)
      : qmp_(qmp), remote_(executor, std::move(socket)), abandoned_(abandoned) {}

  Async<bool> sees(GdbThread vcpu, std::vector<MemoryBytes> expected);
  Async<bool> follows_a_call(GdbThread vcpu, std::uint64_t address);
  Async<std::vector<std::uint64_t>> return_addresses(GdbThread vcpu, std::uint64_t stack);

  QmpClient& qmp_;
  GdbRemote remote_;
  Abandoned abandoned_;
  bool left_ = false;
};

}  // namespace snaphammer::vmm
