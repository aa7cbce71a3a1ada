// snapshot.no_space
#include <atomic>
#include <cerrno>

#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"
#include "lib/base/failpoint.h"

namespace snaphammer::faults {
namespace {

struct NoSpace {
  std::uint64_t after = 0;
};
void describe(Fields<NoSpace>& fields) {
  fields.add("after", &NoSpace::after, "How many writes of the store succeed first.");
}

class Fill final : public FaultWith<NoSpace> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "when a snapshot is written";
  Async<void> begin(engine::RunContext&) override {
    const auto refuse = [acts = shared_acts(), left = std::make_shared<std::atomic<std::uint64_t>>(args().after)] {
      if (*left > 0) {
        --*left;
        return Result<void>();
      }
      acts->note();
      return Result<void>(errno_error("write", ENOSPC).as(ErrorKind::kUnfit));  // As the store reports a full disk.
    };
    guard_.emplace("snapshot.write", refuse);
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext&) override {
    guard_.reset();
    co_return Result<void>();
  }

 private:
  std::optional<ScopedFailpoint> guard_;
};

const FaultRegistration<Fill> registration{"snapshot.no_space",
                                           "The disk is full for the snapshot store: its writes fail (ENOSPC).",
                                           "snapshot.no_space, as: full, args: {after: 3}", "there is space again"};

}  // namespace
}  // namespace snaphammer::faults
