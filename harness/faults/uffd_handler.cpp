// uffd.kill_handler and uffd.stop_handler: who serves page faults is gone, or stands still.
#include "harness/faults/fault.h"
#include "harness/faults/present_guest.h"

namespace snaphammer::faults {
namespace {

Result<sandbox::FaultHandler*> handler_of(engine::RunContext& run) {
  sandbox::Incarnation* const guest = run.sandbox().incarnation();
  if (guest != nullptr && guest->handler() != nullptr) return guest->handler();
  return Error(ErrorKind::kUnavailable, "there is no restored guest, so nobody serves page faults")
      .advise("inject it after a restore, or with `when: {phase: \"restore.hand-off:after\"}`");
}

class Kill final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  static void follow(const NoArguments&, Course& course) { needs_guest(course); }
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(sandbox::FaultHandler* const handler, handler_of(run));
    act();
    handler->kill();
    co_return Result<void>();
  }
};

class Stop final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  static void follow(const NoArguments&, Course& course) { needs_guest(course); }
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(sandbox::FaultHandler* const handler, handler_of(run));
    act();
    co_return handler->suspend();
  }
  Async<void> heal(engine::RunContext& run) override {
    auto handler = handler_of(run);
    if (!handler) co_return Result<void>();  // It has ended meanwhile.
    co_return (*handler)->resume();
  }
};

const FaultRegistration<Kill> kill{"uffd.kill_handler", "The page-fault handler is killed while its guest runs.",
                                   "uffd.kill_handler", "none; a restore starts a new handler"};
const FaultRegistration<Stop> stop{"uffd.stop_handler", "The page-fault handler stands still: no fault is served.",
                                   "uffd.stop_handler, as: frozen, for: 5s", "it goes on"};

}  // namespace
}  // namespace snaphammer::faults
