// uffd.bad_handoff
#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"

namespace snaphammer::uffd {

void describe(scenario::Choices<BadHandoff>& words) {
  words.add(BadHandoff::kNoDescriptor, "no-descriptor", "the message comes without the userfaultfd");
  words.add(BadHandoff::kTruncated, "truncated", "the JSON ends in its middle");
  words.add(BadHandoff::kWrongSize, "wrong-size", "each region says half of its size");
  words.add(BadHandoff::kOverlap, "overlap", "the first region is there twice");
}

}  // namespace snaphammer::uffd

namespace snaphammer::faults {
namespace {

struct BadHandoff {
  uffd::BadHandoff how = uffd::BadHandoff::kTruncated;
};
void describe(Fields<BadHandoff>& fields) { fields.add("how", &BadHandoff::how, "What is wrong with it."); }

class SpoilHandoff final : public FaultWith<BadHandoff> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "when a restore hands the memory over";
  Async<void> begin(engine::RunContext& run) override {
    run.sandbox().spoil_handoff(uffd::SpoiledHandoff{args().how, [acts = shared_acts()] { acts->note(); }});
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext& run) override {
    run.sandbox().spoil_handoff(std::nullopt);
    co_return Result<void>();
  }
};

const FaultRegistration<SpoilHandoff> registration{
    "uffd.bad_handoff", "The VMM's hand-off reaches the page-fault handler spoiled, in each restore from now on.",
    "uffd.bad_handoff, args: {how: overlap}", "later hand-offs arrive as they were sent"};

}  // namespace
}  // namespace snaphammer::faults
