// balloon.inflate, balloon.deflate and balloon.storm: the host asks the guest for memory.
#include <algorithm>
#include <limits>
#include <random>

#include "harness/faults/fault.h"
#include "harness/faults/present_guest.h"

namespace snaphammer::faults {
namespace {

constexpr Duration kAnswerLimit = std::chrono::seconds(5);
constexpr Duration kBetweenLooks = std::chrono::milliseconds(20);  // The balloon's size is asked for, it does not tell.
constexpr Duration kTakesNoMore = std::chrono::seconds(1);

/// Asks the guest to give memory back until it has `target`. A guest that ends meanwhile ends this, too; a VMM whose guest
/// memory nobody serves any more does not answer.
Async<void> set_target(engine::RunContext& run, ByteCount target) {
  CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_vmm(run));
  co_return co_await with_deadline(kAnswerLimit, "change the balloon",
                                   guest->unless_failed(guest->vm().set_balloon_target(target)));
}

Async<ByteCount> actual_size(engine::RunContext& run) {
  CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_vmm(run));
  co_return co_await with_deadline(kAnswerLimit, "ask the balloon", guest->unless_failed(guest->vm().balloon_actual()));
}

/// Returns when the guest has taken it, which one that stands still does later; or when it takes no more.
Async<void> give_all_back(engine::RunContext& run) {
  const auto guest = guest_with_vmm(run);
  if (!guest) co_return Result<void>();  // It has ended meanwhile.
  const ByteCount ram = (*guest)->vm().ram().size;
  CO_SNAP_TRY(co_await set_target(run, ram));
  ByteCount had = 0;
  for (TimePoint changed = SteadyClock::now(); SteadyClock::now() - changed < kTakesNoMore;) {
    if (run.sandbox().state() != sandbox::State::kRunning || run.sandbox().incarnation() != *guest) break;
    const Result<ByteCount> has = co_await actual_size(run);
    if (!has || *has == ram) break;
    if (*has != had) changed = SteadyClock::now();
    had = *has;
    CO_SNAP_TRY(co_await wait_for(kBetweenLooks));
  }
  co_return Result<void>();
}

// What programs keep, beyond what they have, for the work that they do meanwhile.
constexpr ByteCount kLeft = 32_MiB;

// What the balloon can have in all without making the guest kill a program for want of memory, by its own account.
Async<ByteCount> spare_memory(engine::RunContext& run, ByteCount ram) {
  CO_SNAP_ASSIGN(const ByteCount before, co_await actual_size(run));
  CO_SNAP_ASSIGN(const agent::Metrics guest, co_await with_deadline(kAnswerLimit, "metrics", run.sandbox().metrics()));
  CO_SNAP_ASSIGN(const ByteCount after, co_await actual_size(run));
  // The balloon may be moving; what it surely held while the guest looked.
  const ByteCount held = ram - std::min(ram, std::max(before, after));
  const ByteCount spare = guest.memory_available + held;
  co_return spare - std::min(spare, kLeft);
}

constexpr ByteCount kUsualInflation = 64_MiB;

struct Inflate {
  std::optional<ByteCount> by;
  Duration within = std::chrono::seconds(10);
};
void describe(Fields<Inflate>& fields) {
  fields
      .size("by", &Inflate::by,
            "How much memory the guest is to give up; without it 64MiB, or what its programs can spare when that is "
            "less.")
      .between(1_MiB, 1024_GiB);
  fields.add("within", &Inflate::within, "How long the step waits for it; the guest may go on after that.")
      .between(Duration(0), std::chrono::hours(1));
}

class InflateBalloon final : public FaultWith<Inflate> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "when the guest gives up memory while the step waits for it (`within`)";
  static void follow(const Inflate& inflate, Course& course) {
    needs_guest(course);
    if (inflate.by) course.needs_memory_above(*inflate.by);
  }
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(const ByteCount before, co_await actual_size(run));
    const ByteCount by = co_await inflation(run, before);
    if (by >= before) {
      co_return Error(ErrorKind::kUnfit, "the guest has only " + format_bytes(before) + " to give")
          .advise("inflate by less");
    }
    CO_SNAP_TRY(co_await set_target(run, before - by));
    for (const TimePoint until = SteadyClock::now() + args().within; SteadyClock::now() < until;) {
      CO_SNAP_ASSIGN(const ByteCount now, co_await actual_size(run));
      if (now < before && acts().count() == 0) act();
      if (now <= before - by) break;
      CO_SNAP_TRY(co_await wait_for(kBetweenLooks));
    }
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext& run) override { return give_all_back(run); }

 private:
  // Of a guest that stands still nobody knows what it can spare.
  Awaitable<ByteCount> inflation(engine::RunContext& run, ByteCount before) {
    if (args().by) co_return *args().by;
    const auto guest = guest_with_vmm(run);
    if (!guest || run.sandbox().state() != sandbox::State::kRunning) co_return kUsualInflation;
    const ByteCount ram = (*guest)->vm().ram().size;
    const Result<ByteCount> spare = co_await spare_memory(run, ram);
    if (!spare) co_return kUsualInflation;
    const ByteCount held = ram - std::min(ram, before);
    co_return std::clamp(*spare - std::min(*spare, held), ByteCount(1_MiB), kUsualInflation);
  }
};

class DeflateBalloon final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  static void follow(const NoArguments&, Course& course) { needs_guest(course); }
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_TRY(guest_with_vmm(run));
    act();
    co_return co_await give_all_back(run);
  }
};

struct Storm {
  Duration every = std::chrono::milliseconds(50);
  ByteCount up_to = 64_MiB;
};
constexpr Duration kBetweenQuestions = std::chrono::seconds(1);

void describe(Fields<Storm>& fields) {
  fields.add("every", &Storm::every, "How long until the balloon gets another size.")
      .between(std::chrono::milliseconds(1), std::chrono::hours(1));
  fields
      .size(
          "up_to", &Storm::up_to,
          "The largest part of the guest's memory that is asked for; never so much that its programs run out of it: a "
          "guest that has no memory to spare gives up none, and the fault has not acted.")
      .between(1_MiB, 1024_GiB);
}

// Sizes come from the run's seed; it goes on in each later VMM.
class StormBalloon final : public FaultWith<Storm> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen =
      "when the guest has given up memory, or got some back, by the time the next size is due";
  Async<void> begin(engine::RunContext& run) override {
    const auto executor = co_await asio::this_coro::executor;
    healed_.emplace(executor);
    tasks_.emplace(executor);
    random_.seed(run.plan().seed);
    tasks_->spawn(rage(run));
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext& run) override {
    healed_->set();
    co_await tasks_->wait_idle();
    co_return co_await give_all_back(run);
  }

 private:
  Awaitable<void> rage(engine::RunContext& run) {
    while (!healed_->is_set()) {
      // A VMM that is just being started or ended refuses; the next one is asked again.
      const std::optional<Size> before = co_await size_now(run);
      if (before) static_cast<void>(co_await change(run));
      static_cast<void>(co_await with_deadline(args().every, "storm", healed_->wait()));
      const bool moved = before ? co_await has_moved(run, *before) : false;
      if (moved) act();
    }
  }

  struct Size {
    const sandbox::Incarnation* of;
    ByteCount bytes;
  };
  // Of a guest that runs.
  static Awaitable<std::optional<Size>> size_now(engine::RunContext& run) {
    if (run.sandbox().state() != sandbox::State::kRunning) co_return std::nullopt;
    const sandbox::Incarnation* const guest = run.sandbox().incarnation();
    const Result<ByteCount> bytes = co_await actual_size(run);
    if (!bytes) co_return std::nullopt;
    co_return Size{guest, *bytes};
  }
  // A VMM that has answered before and does not any more waits for memory that nobody serves since.
  static Awaitable<bool> has_moved(engine::RunContext& run, Size before) {
    const auto is_same = [&] {
      return run.sandbox().state() == sandbox::State::kRunning && run.sandbox().incarnation() == before.of;
    };
    if (!is_same()) co_return false;
    const Result<ByteCount> now = co_await actual_size(run);
    if (!is_same()) co_return false;
    co_return now ? *now != before.bytes : now.error().kind() == ErrorKind::kTimeout;
  }

  Async<void> change(engine::RunContext& run) {
    CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_vmm(run));
    const ByteCount ram = guest->vm().ram().size;
    co_await ask_what_is_spare(run, ram);
    const ByteCount most = std::min({args().up_to, ram / 2, spare_});
    const ByteCount size = std::uniform_int_distribution<ByteCount>(0, most)(random_);
    co_return co_await set_target(run, ram - size);
  }

  // A guest that does not answer has what it had when it last did.
  Awaitable<void> ask_what_is_spare(engine::RunContext& run, ByteCount ram) {
    if (SteadyClock::now() < asked_ + kBetweenQuestions) co_return;
    const Result<ByteCount> spare = co_await spare_memory(run, ram);
    if (spare) spare_ = *spare;
    asked_ = SteadyClock::now();
  }

  std::optional<Event> healed_;
  std::optional<TaskGroup> tasks_;
  std::mt19937_64 random_;
  ByteCount spare_ = std::numeric_limits<ByteCount>::max();
  TimePoint asked_;
};

const FaultRegistration<InflateBalloon> inflate{"balloon.inflate", "The balloon takes memory from the guest.",
                                                "balloon.inflate, as: b, args: {by: 128MiB}",
                                                "the guest gets all of it back"};
const FaultRegistration<DeflateBalloon> deflate{"balloon.deflate", "The balloon gives everything back to the guest.",
                                                "balloon.deflate", "none"};
const FaultRegistration<StormBalloon> storm{
    "balloon.storm", "The balloon changes its size at random, again and again, while the guest runs.",
    "balloon.storm, as: storm, args: {every: 20ms, up_to: 96MiB}", "the guest gets all of it back"};

}  // namespace
}  // namespace snaphammer::faults
