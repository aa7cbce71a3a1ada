// vmm.kill and vmm.stop: signals to the VMM process.
#include <signal.h>

#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"

namespace snaphammer::faults {
namespace {

Result<vmm::Vm*> vm_of(engine::RunContext& run) {
  sandbox::Incarnation* const guest = run.sandbox().incarnation();
  if (guest != nullptr && guest->has_vm()) return &guest->vm();
  return Error(ErrorKind::kUnavailable, "there is no VMM").advise("inject it after a boot or a restore");
}

class Kill final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(vmm::Vm* const vm, vm_of(run));
    act();
    co_return vm->signal(SIGKILL);
  }
};

class Stop final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(vmm::Vm* const vm, vm_of(run));
    act();
    co_return vm->signal(SIGSTOP);
  }
  Async<void> heal(engine::RunContext& run) override {
    auto vm = vm_of(run);
    if (!vm) co_return Result<void>();  // It has ended meanwhile.
    co_return (*vm)->signal(SIGCONT);
  }
};

const FaultRegistration<Kill> kill{"vmm.kill", "The VMM process gets SIGKILL.", "vmm.kill",
                                   "none; a restore starts a new VMM"};
const FaultRegistration<Stop> stop{"vmm.stop", "The VMM process stands still (SIGSTOP).", "vmm.stop, as: s, for: 2s",
                                   "it goes on (SIGCONT)"};

}  // namespace
}  // namespace snaphammer::faults
