// left-quiesced: what a pause takes from a guest it must give back. One that is up must not stand still for a snapshot that is
// over, nor miss the memory that the balloon took for it.
#include <algorithm>

#include <boost/asio/steady_timer.hpp>

#include "harness/engine/run_context.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

constexpr Duration kAnswerLimit = std::chrono::seconds(20);
/// A balloon deflates by itself, at some 100 MiB a second under emulation.
constexpr Duration kDeflated = std::chrono::seconds(20);
constexpr Duration kBetweenLooks = std::chrono::milliseconds(20);

bool scenario_moves_the_balloon(const engine::RunContext& run) {
  const std::vector<report::FaultReport> faults = run.result().faults;
  return std::any_of(faults.begin(), faults.end(),
                     [](const report::FaultReport& fault) { return fault.name.starts_with("balloon."); });
}

/// What the balloon holds once it has had the time to give everything back; nothing when the VMM does not say.
Awaitable<ByteCount> held_by_balloon(engine::RunContext& run) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  ByteCount held = 0;
  for (const TimePoint until = SteadyClock::now() + kDeflated; SteadyClock::now() < until;) {
    sandbox::Incarnation& guest = *run.sandbox().incarnation();
    auto size = co_await with_deadline(kAnswerLimit, "balloon", guest.unless_failed(guest.vm().balloon_actual()));
    if (!size) co_return 0;
    held = guest.vm().ram().size - std::min(*size, guest.vm().ram().size);
    if (held == 0) break;
    pause.expires_after(kBetweenLooks);
    co_await pause.async_wait(as_result);
    if (run.sandbox().state() != sandbox::State::kRunning) co_return 0;
  }
  co_return held;
}

class LeftQuiesced final : public Oracle {
 public:
  bool asks_guest() const override { return true; }
  Async<void> check(engine::RunContext& run) override {
    const agent::HealthReport health = *run.health();
    if (run.sandbox().state() != sandbox::State::kRunning || run.quiesced_by_step()) co_return Result<void>();
    if (health.quiesced) {
      report(run, "the guest runs and is still prepared for a snapshot: its workloads stand still",
             {{"generation", health.generation}, {"uptime_s", to_ms(health.uptime) / 1000}});
    }
    if (run.sandbox().state() != sandbox::State::kRunning || scenario_moves_the_balloon(run)) co_return Result<void>();
    const ByteCount held = co_await held_by_balloon(run);
    if (held != 0) {
      report(run, "the guest runs and its balloon still holds " + format_bytes(held) + " that a pause took",
             {{"balloon_bytes", held}, {"generation", health.generation}});
    }
    co_return Result<void>();
  }

 private:
  static void report(engine::RunContext& run, std::string message, nlohmann::json evidence) {
    run.report({.id = "left-quiesced",
                .oracle = "left-quiesced",
                .message = std::move(message),
                .evidence = std::move(evidence)});
  }
};

const OracleRegistration<LeftQuiesced> kRegistration{
    {"left-quiesced",
     "Asks a running guest whether it is still quiesced, and its VMM whether the balloon is still inflated.",
     {"left-quiesced"}}};

}  // namespace
}  // namespace snaphammer::oracles
