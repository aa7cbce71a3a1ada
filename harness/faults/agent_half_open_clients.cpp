// agent.half_open_clients: clients that begin a request to the agent and never finish it.
#include <memory>
#include <vector>

#include <boost/asio/write.hpp>

#include "harness/faults/fault.h"
#include "harness/faults/present_guest.h"
#include "lib/agent/protocol.h"
#include "lib/base/start_task.h"
#include "lib/vsock/door_client.h"

namespace snaphammer::faults {
namespace {

constexpr Duration kConnectLimit = std::chrono::seconds(10);
constexpr std::string_view kBeginning = "GET /health HTTP/1.1\r\nHost: agent\r\nX-Never: ";

struct HalfOpenClients {
  unsigned count = 10;
};
void describe(Fields<HalfOpenClients>& fields) {
  fields.add("count", &HalfOpenClients::count, "How many.").between(1, 1000);
}

// A client keeps its connection as long as the agent does; from then on it holds nothing here either.
Awaitable<void> stay(std::shared_ptr<vsock::DoorConnection> client) {
  char byte = 0;
  static_cast<void>(co_await client->socket.async_read_some(asio::buffer(&byte, 1), as_result));
  boost::system::error_code ignored;
  client->socket.close(ignored);
}

class Clients final : public FaultWith<HalfOpenClients> {
 public:
  using FaultWith::FaultWith;
  static void follow(const HalfOpenClients&, Course& course) { needs_running_guest(course); }

  Async<void> begin(engine::RunContext& run) override {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (unsigned i = 0; i < args().count; ++i) {
      auto connected =
          co_await with_deadline(kConnectLimit, "connect to the agent",
                                 vsock::connect_through(executor, run.sandbox().paths().door(), agent::kAgentPort));
      if (!connected) co_return std::move(connected).error();
      auto client = std::make_shared<vsock::DoorConnection>(std::move(*connected));
      auto [error, written] = co_await asio::async_write(client->socket, asio::buffer(kBeginning), as_result);
      if (error) co_return asio_error("begin a request", error);
      clients_.push_back(client);
      start_task(executor, stay(client));
      act();
    }
    co_return Result<void>();
  }

  Async<void> heal(engine::RunContext&) override {
    boost::system::error_code ignored;
    for (const auto& client : clients_) client->socket.close(ignored);
    clients_.clear();
    co_return Result<void>();
  }

 private:
  std::vector<std::shared_ptr<vsock::DoorConnection>> clients_;
};

const FaultRegistration<Clients> registration{
    "agent.half_open_clients", "Clients begin a request to the agent and never finish it.",
    "agent.half_open_clients, args: {count: 10}", "they close their connections"};

}  // namespace
}  // namespace snaphammer::faults
