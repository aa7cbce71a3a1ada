#include "lib/proxy/proxy.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"
#include "lib/proxy/testing/fake_guest.h"

namespace snaphammer::proxy {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests
using Manner = FakeGuest::Manner;
using testing::SizeIs;

constexpr std::uint32_t kPort = 0x10000 + 8080;
constexpr Duration kLongGrace = 1h;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class ProxyTest : public testing::Test {
 protected:
  ~ProxyTest() override {
    if (proxy) wait(proxy->stop());
    end_guest();
  }

  void guest_is(Manner manner) {
    end_guest();
    guest = std::make_unique<FakeGuest>(context.get_executor(), door(), manner);
  }
  void end_guest() {
    if (guest) wait(guest->end());
    guest.reset();
  }
  /// Starts a proxy with one TCP address.
  void start(Limits limits = {}) {
    proxy = std::make_unique<Proxy>(context.get_executor(), door(), in_flight, limits);
    auto listening = proxy->listen(TcpListener{}, kPort);
    ASSERT_TRUE(listening) << listening.error().describe();
    address = *listening;
  }
  Peer client() const { return Peer::tcp(address.port); }
  /// A connection all the way into a guest that takes it.
  struct Pair {
    Peer client;
    Peer guest;
  };
  Pair connect() {
    Pair pair{client(), {}};
    until([&] { return !guest->taken().empty(); });
    pair.guest = std::move(guest->taken().front().peer);
    guest->taken().pop_front();
    return pair;
  }

  /// Runs the proxy until `condition` holds.
  template <class Condition>
  void until(Condition condition) {
    ASSERT_TRUE(run_until(context, condition)) << "what the test waits for did not come about";
  }
  void wait(Awaitable<void> what) { run_awaitable(context, std::move(what)); }
  std::size_t number(Awaitable<std::size_t> what) { return run_awaitable(context, std::move(what)); }

  std::filesystem::path door() const { return directory / "v.sock"; }

  TemporaryDirectory directory;
  asio::io_context context;
  InFlight in_flight{context.get_executor()};
  std::unique_ptr<FakeGuest> guest;
  std::unique_ptr<Proxy> proxy;
  ListenAddress address;
};

TEST_F(ProxyTest, carries_bytes_both_ways_and_counts_them) {
  guest_is(Manner::kTake);
  start();
  Pair pair = connect();
  pair.client.write("question");
  until([&] { return pair.guest.text() == "question"; });
  pair.guest.write("the answer");
  until([&] { return pair.client.text() == "the answer"; });
  until([&] { return proxy->connections().front().from_guest == 10; });
  const ConnectionInfo info = proxy->connections().front();
  EXPECT_EQ(info.guest_port, kPort);
  EXPECT_EQ(info.to_guest, 8u);
  EXPECT_TRUE(info.peer.starts_with("127.0.0.1:")) << info.peer;
  EXPECT_EQ(in_flight.count(), 1u);
}

TEST_F(ProxyTest, asks_the_door_for_the_port_of_the_listener) {
  guest_is(Manner::kTake);
  start();
  const Peer waiting = client();
  until([&] { return !guest->taken().empty(); });
  EXPECT_EQ(guest->taken().front().line, "CONNECT " + std::to_string(kPort) + "\n");
}

TEST_F(ProxyTest, a_client_that_has_said_all_still_gets_its_answer) {
  guest_is(Manner::kTake);
  start();
  Pair pair = connect();
  pair.client.write("last words");
  pair.client.finish_sending();
  until([&] { return pair.guest.at_end(); });
  EXPECT_EQ(pair.guest.text(), "last words");
  pair.guest.write("late answer");
  pair.guest.close();
  until([&] { return pair.client.at_end(); });
  EXPECT_EQ(pair.client.text(), "late answer");
  until([&] { return proxy->stats().orderly == 1; });
}

TEST_F(ProxyTest, a_guest_that_has_said_all_still_hears_the_client) {
  guest_is(Manner::kTake);
  start();
  Pair pair = connect();
  pair.guest.write("greeting");
  pair.guest.finish_sending();
  until([&] { return pair.client.at_end(); });
  EXPECT_EQ(pair.client.text(), "greeting");
  pair.client.write("upload");
  pair.client.close();
  until([&] { return pair.guest.at_end(); });
  EXPECT_EQ(pair.guest.text(), "upload");
  until([&] { return proxy->stats().orderly == 1; });
}

TEST_F(ProxyTest, the_guest_learns_that_its_client_has_gone) {
  guest_is(Manner::kTake);
  start();
  Pair pair = connect();
  pair.client.reset();
  until([&] { return pair.guest.at_end(); });
  until([&] { return proxy->stats().broken == 1; });
  EXPECT_EQ(in_flight.count(), 0u);
}

TEST_F(ProxyTest, a_client_that_leaves_while_it_waits_for_an_answer_is_noticed) {
  guest_is(Manner::kTake);
  start();
  Pair pair = connect();
  pair.client.finish_sending();
  until([&] { return pair.guest.at_end(); });
  pair.client.reset();
  until([&] { return proxy->stats().open == 0; });
}

TEST_F(ProxyTest, refused_clients_are_reset_and_the_guest_never_hears_of_them) {
  guest_is(Manner::kEcho);
  start();
  in_flight.refuse("the guest is being paused");
  Peer refused = client();
  until([&] { return refused.was_reset(); });
  EXPECT_EQ(proxy->stats().refused, 1u);
  EXPECT_EQ(guest->seen(), 0);
  in_flight.accept();
  Peer served = client();
  served.write("hello");
  until([&] { return served.text() == "hello"; });
}

TEST_F(ProxyTest, those_already_connected_go_on_while_new_ones_are_refused) {
  guest_is(Manner::kTake);
  start();
  Pair pair = connect();
  in_flight.refuse("the guest is being paused");
  pair.client.write("still here");
  until([&] { return pair.guest.text() == "still here"; });
}

TEST_F(ProxyTest, a_drain_ends_with_the_last_connection) {
  guest_is(Manner::kTake);
  start();
  Pair pair = connect();
  asio::post(context, [&] { pair.guest.close(); });
  asio::post(context, [&] { pair.client.close(); });
  EXPECT_EQ(number(in_flight.drain(kLongGrace)), 0u);
}

TEST_F(ProxyTest, force_close_resets_clients_and_leaves_no_descriptor) {
  guest_is(Manner::kTake);
  start();
  const std::size_t before = open_descriptors();
  {
    Pair one = connect();
    Pair two = connect();
    EXPECT_EQ(number(in_flight.force_close()), 2u);
    EXPECT_TRUE(one.client.was_reset());
    EXPECT_TRUE(two.client.was_reset());
    EXPECT_TRUE(one.guest.at_end());
    EXPECT_THAT(proxy->connections(), SizeIs(0));
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(proxy->stats().forced, 2u);
}

TEST_F(ProxyTest, force_close_ends_those_that_the_guest_has_not_answered_yet) {
  guest_is(Manner::kSilent);
  start({.connect_timeout = kLongGrace});
  Peer waiting = client();
  until([&] { return guest->seen() == 1; });
  EXPECT_EQ(number(in_flight.force_close()), 1u);
  EXPECT_TRUE(waiting.was_reset());
}

TEST_F(ProxyTest, a_guest_that_refuses_or_does_not_answer_resets_the_client) {
  guest_is(Manner::kRefuse);
  start({.connect_timeout = 20ms});
  Peer refused = client();
  until([&] { return refused.was_reset(); });
  guest_is(Manner::kSilent);
  Peer unanswered = client();
  until([&] { return unanswered.was_reset(); });
  until([&] { return proxy->stats().unreachable == 2; });
}

TEST_F(ProxyTest, connections_over_the_limit_are_reset_at_once) {
  guest_is(Manner::kTake);
  start({.max_connections = 1});
  Pair pair = connect();
  Peer excess = client();
  until([&] { return excess.was_reset(); });
  EXPECT_EQ(proxy->stats().over_limit, 1u);
  pair.client.write("not disturbed");
  until([&] { return pair.guest.text() == "not disturbed"; });
}

TEST_F(ProxyTest, an_idle_connection_is_ended) {
  guest_is(Manner::kTake);
  start({.idle = 20ms});
  Pair pair = connect();
  until([&] { return pair.client.was_reset(); });
  until([&] { return proxy->stats().idle == 1; });
}

TEST_F(ProxyTest, a_client_that_does_not_read_holds_up_its_guest_instead_of_filling_memory) {
  guest_is(Manner::kTake);
  start();
  Pair pair = connect();
  const std::string block(64_KiB, 'x');
  std::size_t sent = 0;
  int refused_in_a_row = 0;
  until([&] {
    const std::size_t went = pair.guest.write(block);
    sent += went;
    refused_in_a_row = went == 0 ? refused_in_a_row + 1 : 0;
    return refused_in_a_row > 20;
  });
  // What is not with the kernel is in the proxy's one buffer.
  EXPECT_LT(sent, 32_MiB);
  EXPECT_EQ(number(in_flight.force_close()), 1u);
}

TEST_F(ProxyTest, hundreds_of_silent_and_slow_clients_do_not_hold_up_another) {
  constexpr std::size_t kOthers = 300;
  guest_is(Manner::kEcho);
  start({.max_connections = kOthers + 1});
  const std::size_t before = open_descriptors();
  {
    std::vector<Peer> others;
    for (std::size_t i = 0; i < kOthers; ++i) {
      others.push_back(client());
      if (i % 2 == 0) others.back().write("s");  // A request that never ends.
    }
    until([&] { return proxy->stats().open == kOthers && guest->seen() == static_cast<int>(kOthers); });
    Peer good = client();
    good.write("hello");
    until([&] { return good.text() == "hello"; });
    // Of each: the client, the proxy's two, the guest's.
    EXPECT_LE(open_descriptors(), before + 4 * (kOthers + 1));
    for (std::size_t i = 0; i < kOthers; ++i) others.push_back(client());
    until([&] { return proxy->stats().over_limit == kOthers; });
    EXPECT_EQ(proxy->stats().most_open, kOthers + 1);
    EXPECT_EQ(number(in_flight.force_close()), kOthers + 1);
    EXPECT_TRUE(good.was_reset());
  }
  until([&] { return open_descriptors() == before; });
}

TEST_F(ProxyTest, clients_find_the_next_guest_at_the_same_address) {
  guest_is(Manner::kEcho);
  start();
  Peer first = client();
  first.write("one");
  until([&] { return first.text() == "one"; });
  guest_is(Manner::kEcho);
  until([&] { return first.at_end(); });
  Peer second = client();
  second.write("two");
  until([&] { return second.text() == "two"; });
}

TEST_F(ProxyTest, listens_on_a_unix_path_and_takes_it_away_in_the_end) {
  guest_is(Manner::kEcho);
  start();
  const auto path = directory / "web";
  ASSERT_TRUE(proxy->listen(UnixListener{path}, kPort));
  Peer client = Peer::unix_path(path);
  client.write("hello");
  until([&] { return client.text() == "hello"; });
  EXPECT_EQ(proxy->connections().front().peer, "unix");
  wait(proxy->stop());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(client.at_end());
}

TEST_F(ProxyTest, says_why_it_cannot_listen) {
  guest_is(Manner::kEcho);
  start();
  const auto taken = proxy->listen(TcpListener{address.port}, kPort);
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message(), testing::HasSubstr(address.text));
}

TEST_F(ProxyTest, listens_again_after_it_was_stopped) {
  guest_is(Manner::kEcho);
  start();
  wait(proxy->stop());
  ASSERT_TRUE(proxy->listen(TcpListener{address.port}, kPort));
  Peer served = client();
  served.write("hello");
  until([&] { return served.text() == "hello"; });
}

}  // namespace
}  // namespace snaphammer::proxy
