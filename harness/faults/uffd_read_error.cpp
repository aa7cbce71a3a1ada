// uffd.read_error
#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"
#include "harness/faults/guest_choice.h"

namespace snaphammer::faults {
namespace {

using uffd::SourceFaults;

struct ReadError {
  std::string guest = kOwnGuest;
  unsigned times = 1;
  double share = 1;
};
void describe(Fields<ReadError>& fields) {
  add_guest(fields, &ReadError::guest);
  fields.add("times", &ReadError::times, "How often each chosen range cannot be read before it can.")
      .between(1, 1'000'000);
  fields.add("share", &ReadError::share, "The part of all ranges that is chosen, by the seed.").between(0, 1);
}

class FailReads final : public FaultWith<ReadError> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "when a page of a restored guest is read from its snapshot";
  Async<void> begin(engine::RunContext& run) override {
    run.guest_sources()
        .of(args().guest)
        .set_read_errors(SourceFaults::ReadErrors{.times = args().times, .share = args().share},
                         [acts = shared_acts()] { acts->note(); });
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext& run) override {
    run.guest_sources().of(args().guest).set_read_errors(std::nullopt);
    co_return Result<void>();
  }
};

const FaultRegistration<FailReads> registration{
    "uffd.read_error",
    "The page server's reads of a restored guest's snapshot fail for a while; it repeats them uffd.read_retries times.",
    "uffd.read_error, args: {times: 2, share: 0.01}", "every read succeeds again"};

}  // namespace
}  // namespace snaphammer::faults
