// uffd.delay
#include <algorithm>
#include <random>

#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"
#include "harness/faults/guest_choice.h"

namespace snaphammer::faults {
namespace {

using scenario::Node;
using scenario::Reader;
using uffd::SourceFaults;

struct Delay {
  std::string guest = kOwnGuest;
  Duration least = std::chrono::milliseconds(10);
  std::optional<Duration> most;
  double share = 1;
};
void describe(Fields<Delay>& fields) {
  add_guest(fields, &Delay::guest);
  fields.add("least", &Delay::least, "The shortest delay.").between(Duration(0), std::chrono::hours(1));
  fields.add("most", &Delay::most, "The longest; all in between are equally likely. Otherwise every one is `least`.")
      .between(Duration(0), std::chrono::hours(1));
  fields.add("share", &Delay::share, "The part of all reads, or of a program's time, that is delay.").between(0, 1);
  fields.rule([](Delay& delay, Reader& reader, const Node& node) {
    if (delay.most.value_or(delay.least) < delay.least)
      reader.fail(node, "`most` is shorter than `least`", "swap them");
  });
}

// The page server is delayed where it reads the snapshot. A program is delayed as a whole: it stands still for the time
// of a delay, and in between runs for so long that `share` of the time is delay.
class DelayReads final : public FaultWith<Delay> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen =
      "when a page of a restored guest is read from its snapshot, or its handler's program is there to be stopped";

  Async<void> begin(engine::RunContext& run) override {
    run.guest_sources()
        .of(args().guest)
        .set_delay(SourceFaults::Delay{.least = args().least, .most = most(), .share = args().share},
                   [acts = shared_acts()] { acts->note(); });
    const auto executor = co_await asio::this_coro::executor;
    healed_.emplace(executor);
    tasks_.emplace(executor);
    random_.seed(run.plan().seed);
    const bool own = args().guest == kOwnGuest || args().guest == engine::GuestSources::kAll;
    if (own) tasks_->spawn(delay_program(run));
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext& run) override {
    run.guest_sources().of(args().guest).set_delay(std::nullopt);
    healed_->set();
    co_await tasks_->wait_idle();
    co_return Result<void>();
  }

 private:
  Duration most() const { return args().most.value_or(args().least); }

  Awaitable<void> delay_program(engine::RunContext& run) {
    while (!healed_->is_set()) {
      const Duration delay(std::uniform_int_distribution<Duration::rep>(args().least.count(), most().count())(random_));
      Duration rest = kShortestRest;
      if (sandbox::FaultHandler* const program = program_of(run); program != nullptr && program->suspend()) {
        act();
        static_cast<void>(co_await with_deadline(delay, "delay", healed_->wait()));
        if (program == program_of(run)) static_cast<void>(program->resume());  // Otherwise it has ended meanwhile.
        const double part = std::max(args().share, 0.001);
        rest = std::max(rest, std::chrono::duration_cast<Duration>(delay * (1 - part) / part));
      }
      static_cast<void>(co_await with_deadline(rest, "rest", healed_->wait()));
    }
  }
  static sandbox::FaultHandler* program_of(engine::RunContext& run) {
    sandbox::Incarnation* const guest = run.sandbox().incarnation();
    if (guest == nullptr || guest->handler() == nullptr || guest->page_server() != nullptr) return nullptr;
    return guest->handler();
  }

  static constexpr Duration kShortestRest = std::chrono::milliseconds(1);
  std::optional<Event> healed_;
  std::optional<TaskGroup> tasks_;
  std::mt19937_64 random_;
};

const FaultRegistration<DelayReads> registration{"uffd.delay",
                                                 "Page faults of a restored guest are served later: reads of the "
                                                 "snapshot take longer, or the handler's program stands "
                                                 "still at times.",
                                                 "uffd.delay, for: 5s, args: {least: 1ms, most: 50ms, share: 0.1}",
                                                 "reads are fast again, at once"};

}  // namespace
}  // namespace snaphammer::faults
