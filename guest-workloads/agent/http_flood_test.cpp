// Hundreds of clients that begin and never finish, and what becomes of the others meanwhile.
#include <algorithm>
#include <deque>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include "guest-workloads/agent/testing/agent_on_host.h"
#include "lib/base/task_group.h"

namespace snaphammer::guest {
namespace {

using Local = asio::local::stream_protocol;

constexpr std::size_t kMostConnections = 32;
constexpr std::size_t kClients = 300;

HttpLimits short_limits() {
  HttpLimits limits;
  limits.connections = kMostConnections;
  limits.idle = 500ms;
  limits.header = 500ms;
  limits.body = 500ms;
  return limits;
}

struct BadClient {
  Local::socket socket;
  bool closed = false;
};

class HttpFlood : public AgentOnHost {
 protected:
  HttpFlood() : AgentOnHost(short_limits()) {}
  ~HttpFlood() override {
    for (BadClient& bad : clients) bad.socket.close();
    EXPECT_TRUE(works_until([&] { return tasks.idle(); }));
  }

  void flood(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(BadClient{Local::socket(context)});
      clients.back().socket.connect(Local::endpoint((directory / "agent.sock").string()));
      tasks.spawn(misbehave(clients.back(), i));
    }
  }
  // Of each three: one says nothing, one stops within its header, and one never stops, a byte at a time.
  static Awaitable<void> misbehave(BadClient& bad, std::size_t number) {
    const std::string beginning = "GET /health HTTP/1.1\r\nX-Slow: ";
    if (number % 3 != 0) co_await asio::async_write(bad.socket, asio::buffer(beginning), as_result);
    if (number % 3 == 2) {
      for (bool gone = false; !gone;) {
        static_cast<void>(co_await wait_for(20ms));
        auto [error, n] = co_await asio::async_write(bad.socket, asio::buffer("x", 1), as_result);
        gone = static_cast<bool>(error);
      }
    } else {
      char byte = 0;
      co_await bad.socket.async_read_some(asio::buffer(&byte, 1), as_result);
    }
    bad.closed = true;
  }
  std::size_t closed() const {
    return static_cast<std::size_t>(
        std::count_if(clients.begin(), clients.end(), [](const BadClient& bad) { return bad.closed; }));
  }
  std::size_t connections() { return run(client->metrics()).value().connections; }
  void use(agent::AgentPolicy policy) {
    agent::InitRequest init;
    init.generation = "g";
    init.policy = policy;
    ASSERT_TRUE(run(client->init(init)));
  }

  std::deque<BadClient> clients;
  TaskGroup tasks{context.get_executor()};
};

TEST_F(HttpFlood, ThreeHundredSlowClientsAreBoundedAndEndAndKeepNobodyOut) {
  const std::uint64_t descriptors = run(client->metrics()).value().descriptors;
  flood(kClients);
  const TimePoint start = SteadyClock::now();
  for (int i = 0; i < 20; ++i) {
    const auto metrics = run(client->metrics());
    ASSERT_TRUE(metrics) << metrics.error().describe();
    EXPECT_LE(metrics->connections, kMostConnections);
    // The clients' own ends are of this process, too.
    EXPECT_LE(metrics->descriptors, descriptors + clients.size() + kMostConnections);
  }
  EXPECT_LT(SteadyClock::now() - start, 5s) << "twenty answers meanwhile";
  EXPECT_TRUE(works_until([&] { return closed() == kClients; }));
  EXPECT_EQ(connections(), 1U);
}

TEST_F(HttpFlood, AClientThatDripsAHeaderHasNoMoreTimeThanOthers) {
  flood(3);
  const TimePoint start = SteadyClock::now();
  EXPECT_TRUE(works_until([&] { return closed() == 3; }));
  EXPECT_GE(SteadyClock::now() - start, 400ms);
  EXPECT_LT(SteadyClock::now() - start, 5s);
}

TEST_F(HttpFlood, WithoutLimitsNoClientEverEnds) {
  use({.http_limits = agent::ClientLimits::kOff});
  flood(kClients);
  ASSERT_EQ(shell("sleep 1.5").value().end.code, 0) << "three times what each had otherwise";
  EXPECT_EQ(closed(), 0U);
  EXPECT_EQ(connections(), kClients + 1);
}

TEST_F(HttpFlood, ASerialServerServesNobodyWhileOneClientDripsItsHeader) {
  use({.accept = agent::AcceptLoop::kSerial});
  flood(3);
  const TimePoint start = SteadyClock::now();
  ASSERT_TRUE(run(client->health()));
  EXPECT_GE(SteadyClock::now() - start, 1200ms) << "three time limits, one after the other";
}

TEST_F(HttpFlood, AParallelServerServesTheOthersMeanwhile) {
  flood(3);
  const TimePoint start = SteadyClock::now();
  ASSERT_TRUE(run(client->health()));
  EXPECT_LT(SteadyClock::now() - start, 1200ms);
}

}  // namespace
}  // namespace snaphammer::guest
