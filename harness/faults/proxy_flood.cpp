// proxy.flood
#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"
#include "lib/base/task_group.h"

namespace snaphammer::faults {
namespace {

constexpr char kName[] = "proxy.flood";

struct Flood {
  unsigned port = 8080;
  unsigned rate = 20;
  Duration hold = std::chrono::seconds(1);
  unsigned most = 200;
};
void describe(Fields<Flood>& fields) {
  fields
      .add("port", &Flood::port,
           "The TCP port in the guest. Each client says one line there; what listens has to answer something, which "
           "tells that the connection has reached the guest.")
      .between(1, 65535);
  fields.add("rate", &Flood::rate, "New connections per second.").between(1, 1000);
  fields
      .add("hold", &Flood::hold,
           "How long each stays. One that the guest has answered and that ends earlier is the finding connection-lost, "
           "also "
           "when it is a `restore` over a guest that runs which cuts it.")
      .between(std::chrono::milliseconds(1), std::chrono::minutes(10));
  fields.add("most", &Flood::most, "How many are open at once.").between(1, 1000);
}

class ProxyFlood final : public FaultWith<Flood> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "when the proxy takes a client";

  Async<void> begin(engine::RunContext& run) override {
    auto address = run.sandbox().proxied(agent::kForwardedPorts + args().port);
    CO_SNAP_TRY(address);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    tasks_.emplace(executor);
    healed_.emplace(executor);
    tasks_->spawn(arrive(run, *std::move(address)));
    co_return Result<void>();
  }

  Async<void> heal(engine::RunContext& run) override {
    if (!tasks_) co_return Result<void>();
    healed_->set();
    co_await tasks_->wait_idle();
    run.connections().release(kName);
    co_return Result<void>();
  }

 private:
  Awaitable<void> arrive(engine::RunContext& run, proxy::ListenAddress address) {
    const Duration pause = std::chrono::duration_cast<Duration>(std::chrono::seconds(1)) / args().rate;
    while (!healed_->is_set()) {
      if (run.connections().open_count(kName) < args().most) tasks_->spawn(one(run, address));
      static_cast<void>(co_await with_deadline(pause, "arrive", healed_->wait()));
    }
  }

  // A client that is refused is no finding: it knows that its request was never taken.
  Awaitable<void> one(engine::RunContext& run, proxy::ListenAddress address) {
    engine::HoldOptions options{.as = kName, .must = engine::Must::kLive, .greeting = "hello\n", .hold = args().hold};
    auto opened = co_await run.connections().open(std::move(options), engine::TcpTarget{address.port});
    if (opened) act();
  }

  std::optional<TaskGroup> tasks_;
  std::optional<Event> healed_;
};

const FaultRegistration<ProxyFlood> registration{
    kName, "Clients keep arriving at the proxy of a port, whatever the guest is going through.",
    "proxy.flood, for: 10s, args: {port: 8080, rate: 50}", "no more arrive, and all are closed"};

}  // namespace
}  // namespace snaphammer::faults
