// ports: every TCP port that somebody listens on in the guest must take connections from the host.
#include <set>

#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/oracles/oracle.h"
#include "lib/vsock/door_client.h"

namespace snaphammer::oracles {
namespace {

constexpr Duration kAnswerLimit = std::chrono::seconds(20);
constexpr Duration kConnectLimit = std::chrono::seconds(5);
constexpr Duration kRetryAfter = std::chrono::milliseconds(200);
// For a forwarder that is being started, or was killed and is started again.
constexpr Duration kAliveWithin = std::chrono::seconds(10);

class Ports final : public Oracle {
 public:
  bool asks_guest() const override { return true; }
  Async<void> check(engine::RunContext& run) override {
    if (run.sandbox().state() != sandbox::State::kRunning || run.quiesced_by_step()) co_return Result<void>();
    auto report = co_await with_deadline(kAnswerLimit, "ports", run.sandbox().ports());
    if (!report || !report->running) co_return Result<void>();
    for (const agent::PortInfo& port : report->ports) {
      auto taken = co_await takes_connections(run, port.port);
      if (taken) {
        dead_.erase(port.port);
      } else if (dead_.insert(port.port).second) {
        co_await report_dead(run, port.port, std::move(taken).error());
      }
    }
    co_return Result<void>();
  }

 private:
  static Async<void> takes_connections(engine::RunContext& run, std::uint16_t port) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const TimePoint end = SteadyClock::now() + kAliveWithin;
    while (true) {
      auto connection = co_await with_deadline(
          kConnectLimit, "connect",
          vsock::connect_through(executor, run.sandbox().paths().door(), agent::kForwardedPorts + port));
      if (connection) co_return Result<void>();
      if (SteadyClock::now() >= end) co_return std::move(connection).error();
      CO_SNAP_TRY(co_await wait_for(kRetryAfter));
    }
  }

  // With how the agent sees it now.
  static Awaitable<void> report_dead(engine::RunContext& run, std::uint16_t number, Error error) {
    nlohmann::json evidence = {{"port", number}, {"error", error.describe()}};
    const auto report = co_await with_deadline(kAnswerLimit, "ports", run.sandbox().ports());
    if (report) {
      for (const agent::PortInfo& port : report->ports) {
        if (port.port == number) evidence["forwarder"] = port.to_json();
      }
    }
    run.report({.id = "port-dead",
                .oracle = "ports",
                .message = fmt::format("TCP port {} of the guest takes no connection from the host within {}: {}",
                                       number, format_duration(kAliveWithin), error.describe()),
                .evidence = std::move(evidence)});
  }

  std::set<std::uint16_t> dead_;  ///< That were reported and have not come back.
};

const OracleRegistration<Ports> kRegistration{
    {"ports", "Connects to every TCP port that somebody listens on in the guest.", {"port-dead"}}};

}  // namespace
}  // namespace snaphammer::oracles
