// uffd.delay
#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"

namespace snaphammer::faults {
namespace {

using scenario::Node;
using scenario::Reader;
using uffd::SourceFaults;

struct Delay {
  Duration least = std::chrono::milliseconds(10);
  std::optional<Duration> most;
  double share = 1;
};
void describe(Fields<Delay>& fields) {
  fields.add("least", &Delay::least, "The shortest delay.").between(Duration(0), std::chrono::hours(1));
  fields.add("most", &Delay::most, "The longest; all in between are equally likely. Otherwise every one is `least`.")
      .between(Duration(0), std::chrono::hours(1));
  fields.add("share", &Delay::share, "The part of all reads that is delayed.").between(0, 1);
  fields.rule([](Delay& delay, Reader& reader, const Node& node) {
    if (delay.most.value_or(delay.least) < delay.least)
      reader.fail(node, "`most` is shorter than `least`", "swap them");
  });
}

class DelayReads final : public FaultWith<Delay> {
 public:
  using FaultWith::FaultWith;
  Async<void> begin(engine::RunContext& run) override {
    run.sandbox().source_faults().set_delay(
        SourceFaults::Delay{.least = args().least, .most = args().most.value_or(args().least), .share = args().share},
        [acts = shared_acts()] { acts->note(); });
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext& run) override {
    run.sandbox().source_faults().set_delay(std::nullopt);
    co_return Result<void>();
  }
};

const FaultRegistration<DelayReads> registration{
    "uffd.delay", "The page server's reads of the snapshot take longer, on demand and for prefetch.",
    "uffd.delay, for: 5s, args: {least: 1ms, most: 50ms, share: 0.1}", "reads are fast again, at once"};

}  // namespace
}  // namespace snaphammer::faults
