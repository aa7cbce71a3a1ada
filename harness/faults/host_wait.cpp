// host.wait
#include "harness/faults/fault.h"

namespace snaphammer::faults {
namespace {

struct Wait {
  Duration by = std::chrono::seconds(10);
};
void describe(Fields<Wait>& fields) {
  fields.add("by", &Wait::by, "How long.").between(Duration(0), std::chrono::hours(24));
}

class LetTimePass final : public FaultWith<Wait> {
 public:
  using FaultWith::FaultWith;
  Async<void> begin(engine::RunContext&) override {
    CO_SNAP_TRY(co_await wait_for(args().by));
    act();
    co_return Result<void>();
  }
};

const FaultRegistration<LetTimePass> registration{
    "host.wait", "Time passes on the host, for instance between a snapshot and its restore.",
    "host.wait, args: {by: 30s}", "none"};

}  // namespace
}  // namespace snaphammer::faults
