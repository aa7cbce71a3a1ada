// abort
#include "harness/faults/fault.h"
#include "harness/faults/fault_set.h"
#include "lib/sandbox/phases.h"

namespace snaphammer::faults {
namespace {

struct Abort {
  static constexpr auto kPlace = "phase";
  std::optional<std::string> phase;
  bool once = true;
};
void describe(Fields<Abort>& fields) {
  fields.add("phase", &Abort::phase, "Where; otherwise where `when` says.")
      .in_catalog(scenario::Catalog<scenario::PhaseKind>::lookup());
  fields.add("once", &Abort::once, "Only the first sequence that comes there; otherwise every one until it is healed.");
}

class AbortSequence final : public FaultWith<Abort> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "when a sequence comes to its phase";

  // Without a phase it begins where it is to act.
  Async<void> begin(engine::RunContext&) override {
    if (args().phase) co_return Result<void>();
    act();
    co_return injected();
  }
  Result<void> at_phase(const std::string& point) override {
    if (!args().phase || point != point_named(*args().phase) || (args().once && acts().count() > 0)) return {};
    act();
    return injected();
  }

 private:
  static Error injected() { return Error(ErrorKind::kUnavailable, "aborted here on purpose"); }
};

const FaultRegistration<AbortSequence> registration{
    "abort", "Fails the pause or restore sequence at a point; what it then does is under test.",
    "abort, args: {phase: \"pause.store-memory:after\"}", "sequences run through again"};

}  // namespace
}  // namespace snaphammer::faults
