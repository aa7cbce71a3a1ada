// output: what a running guest says must come to the host, all of it and soon.
#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

/// From the agent's word that it has queued a line to the line on the host; also long enough to connect anew.
constexpr Duration kArrivalLimit = std::chrono::seconds(5);

class Output final : public Oracle {
 public:
  bool asks_guest() const override { return true; }
  Async<void> check(engine::RunContext& run) override {
    const agent::HealthReport health = *run.health();
    if (run.sandbox().state() != sandbox::State::kRunning || health.generation == told_) co_return Result<void>();
    sandbox::Incarnation& guest = *run.sandbox().incarnation();
    auto arrived = co_await with_deadline(
        kArrivalLimit, "the guest's output",
        guest.unless_failed(guest.output().wait_caught_up(health.output_epoch, health.output_next_seq)));
    if (run.sandbox().incarnation() != &guest || guest.failure()) co_return Result<void>();

    const agent::OutputListener& output = guest.output();
    nlohmann::json evidence = {
        {"guest", {{"epoch", health.output_epoch}, {"next_seq", health.output_next_seq}}},
        {"host",
         {{"epoch", output.latest().epoch}, {"next_seq", output.next_seq()}, {"connected", output.connected()}}}};
    if (output.violation()) {
      report(run, health.generation, output.violation()->describe(), evidence);
    } else if (!arrived) {
      report(
          run, health.generation,
          fmt::format("the guest is healthy and its output does not come: it says that it has sent {} lines, the "
                      "latest on connection {}; the host {} connection {} and has {}",
                      health.output_next_seq - 1, health.output_epoch, output.connected() ? "listens to" : "has lost",
                      output.latest().epoch, output.next_seq() == 0 ? 0 : output.next_seq() - 1),
          evidence);
    } else if (output.gap()) {
      evidence["missing"] = {{"after_seq", output.gap()->after_seq}, {"lines", output.gap()->lines}};
      report(run, health.generation,
             fmt::format("{} lines of the guest's output are missing after line {}, though its connection lived",
                         output.gap()->lines, output.gap()->after_seq),
             evidence);
    }
    co_return Result<void>();
  }

 private:
  void report(engine::RunContext& run, const std::string& generation, std::string message, nlohmann::json evidence) {
    told_ = generation;
    run.report(
        {.id = "connection-lost", .oracle = "output", .message = std::move(message), .evidence = std::move(evidence)});
  }

  std::string told_;  ///< The generation of the guest of which something was said last.
};

const OracleRegistration<Output> kRegistration{
    {"output",
     "Compares what a running guest says that it has sent with what has come to the host.",
     {"connection-lost"}}};

}  // namespace
}  // namespace snaphammer::oracles
