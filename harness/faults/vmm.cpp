// vmm.kill and vmm.stop: signals to the VMM process.
#include <signal.h>

#include "harness/faults/fault.h"
#include "harness/faults/present_guest.h"

namespace snaphammer::faults {
namespace {

class Kill final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  static void follow(const NoArguments&, Course& course) { needs_guest(course); }
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_vmm(run));
    act();
    guest->kill_vmm(Error(ErrorKind::kGone, "the VMM was killed by fault vmm.kill"));
    co_return Result<void>();
  }
};

class Stop final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  static void follow(const NoArguments&, Course& course) { needs_guest(course); }
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_vmm(run));
    act();
    co_return guest->vm().signal(SIGSTOP);
  }
  Async<void> heal(engine::RunContext& run) override {
    auto guest = guest_with_vmm(run);
    if (!guest) co_return Result<void>();  // It has ended meanwhile.
    co_return (*guest)->vm().signal(SIGCONT);
  }
};

const FaultRegistration<Kill> kill{
    "vmm.kill", "The VMM process gets SIGKILL. A guest that is needed after that is the finding unhealthy.", "vmm.kill",
    "none; a boot or a restore starts a new VMM"};
const FaultRegistration<Stop> stop{"vmm.stop", "The VMM process stands still (SIGSTOP).", "vmm.stop, as: s, for: 2s",
                                   "it goes on (SIGCONT)"};

}  // namespace
}  // namespace snaphammer::faults
