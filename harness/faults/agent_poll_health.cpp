// agent.poll_health
#include <fmt/format.h>

#include "harness/faults/fault.h"
#include "harness/faults/present_guest.h"
#include "lib/sandbox/phases.h"

namespace snaphammer::faults {
namespace {

struct Poll {
  unsigned times = 20;
};
void describe(Fields<Poll>& fields) {
  fields.add("times", &Poll::times, "How often, each as soon as the one before is answered.").between(1, 10'000);
}

// Monitors ask the agent itself and know nothing of a pause. Between pause.prepare and pause.freeze every answer must
// say that the guest is prepared.
class PollHealth final : public FaultWith<Poll> {
 public:
  using FaultWith::FaultWith;
  static void follow(const Poll&, Course& course) { needs_running_guest(course); }

  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_door(run));
    for (unsigned number = 1; number <= args().times; ++number) {
      const bool was_prepared = is_prepared(run);
      CO_SNAP_ASSIGN(const agent::HealthReport health, co_await guest->unless_failed(guest->client().health()));
      act();
      if (was_prepared && is_prepared(run) && !health.quiesced) {
        run.report({.id = "quiesce-undone",
                    .oracle = "agent.poll_health",
                    .message = fmt::format("health check {} of {} in the pause: the guest, prepared for the snapshot, "
                                           "has gone on with its work before the freeze",
                                           number, args().times),
                    .evidence = {{"check", number}, {"quiesced", false}, {"generation", health.generation}}});
        break;
      }
    }
    co_return Result<void>();
  }

 private:
  static bool is_prepared(engine::RunContext& run) {
    using namespace sandbox::phases;  // NOLINT: the names of a pause
    const std::string& at = run.last_point();
    const auto in = [&at](const sandbox::PhaseId& phase) { return at == phase.before() || at == phase.after(); };
    return run.plan().scenario->runtime.quiesce.enabled &&
           (at == kPrepare.after() || in(kDropPageCache) || in(kInflate) || at == kFreeze.before());
  }
};

const FaultRegistration<PollHealth> registration{
    "agent.poll_health",
    "Asks the agent for its health, also in a pause: inject it there with `when`, between pause.prepare:after and "
    "pause.freeze, and each answer is checked.",
    "agent.poll_health, when: {phase: pause.freeze}, args: {times: 20}", "none"};

}  // namespace
}  // namespace snaphammer::faults
