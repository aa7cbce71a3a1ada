// agent.kill
#include "harness/faults/fault.h"
#include "harness/faults/guest_script.h"
#include "harness/faults/present_guest.h"

namespace snaphammer::faults {
namespace {

constexpr Duration kLimit = std::chrono::seconds(10);

// The kernel delivers no SIGKILL to an init. One that dies of a fault of its own it does not spare, and this is what a
// crash of an agent is: its code is overwritten with zeros, which are an access to an address that is none.
constexpr char kScript[] = R"(
range=$(grep -m1 ' r-xp ' /proc/1/maps)
range=${range%% *}
start=$((0x${range%-*}))
end=$((0x${range#*-}))
dd if=/dev/zero of=/proc/1/mem bs=4096 seek=$((start / 4096)) count=$(((end - start) / 4096)) conv=notrunc
)";

class Kill final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  static void follow(const NoArguments&, Course& course) { needs_running_guest(course); }

  Async<void> begin(engine::RunContext& run) override {
    auto done = co_await run_in_guest(run, kScript, kLimit);
    if (done) co_return Error(ErrorKind::kInternal, "the agent has survived");
    // It was the agent that would have answered: the end of its guest or of the connection is the answer, silence is none.
    const sandbox::Incarnation* const guest = run.sandbox().incarnation();
    const bool ended = done.error().kind() == ErrorKind::kGone || (guest != nullptr && guest->failure());
    if (!ended) co_return done;
    act();
    co_return Result<void>();
  }
};

const FaultRegistration<Kill> registration{
    "agent.kill", "The agent crashes (SIGSEGV). It is the guest's init: its kernel panics.", "agent.kill", "none"};

}  // namespace
}  // namespace snaphammer::faults
