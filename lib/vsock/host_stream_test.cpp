// Connections from end to end: their bytes and their ends.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/vsock/host.h"
#include "lib/vsock/testing/host_fixture.h"

namespace snaphammer::vsock {
namespace {

constexpr std::uint64_t kToGuest = 1;
constexpr std::uint64_t kToClient = 2;

class HostStreamTest : public HostFixture {
 protected:
  /// Sends `total` bytes each way at the same time, in random pieces, checks every one, and closes in order.
  void exchange(Client& client, GuestPeer& peer, std::uint64_t total) {
    std::mt19937_64 random(7);
    std::uint64_t client_sent = 0;
    std::uint64_t client_got = 0;
    std::uint64_t guest_got = 0;
    const auto piece = [&](std::uint64_t limit) { return std::min<std::uint64_t>(limit, 1 + random() % kMaxPayload); };
    run_until([&] {
      client_sent += client.write(stream_bytes(kToGuest, client_sent, piece(total - client_sent)));
      const auto for_client = client.read(piece(total));
      EXPECT_EQ(matching(kToClient, client_got, for_client), for_client.size());
      client_got += for_client.size();
      const auto count = std::min(peer.credit(), piece(total - peer.sent()));
      if (count > 0) guest_sends(peer.send(stream_bytes(kToClient, peer.sent(), count)));
      serve(peer);
      const auto for_guest = peer.read(piece(total));
      EXPECT_EQ(matching(kToGuest, guest_got, for_guest), for_guest.size());
      guest_got += for_guest.size();
      flush(peer);
      return HasFailure() || (client_got == total && guest_got == total);
    });
    client.finish_sending();
    run_until([&] { return serve(peer), peer.host_finished; });
    guest_sends(peer.packet(Op::kShutdown, kShutdownBoth));
    run_until([&] {
      EXPECT_TRUE(client.read().empty());
      return client.at_end;
    });
    run_until([&] { return serve(peer), peer.reset; });
    EXPECT_EQ(peer.received(), total);
    EXPECT_TRUE(host_->connections().empty());
  }
};

TEST_F(HostStreamTest, TenMegabytesEachWayThroughSmallCreditOpenedByTheHost) {
  HostOptions small = options();
  small.limits = {.buf_alloc = 7000, .send_buffer = 9000};
  start(std::move(small));
  auto [client, peer] = open_to_guest(52, 5000);
  exchange(client, peer, 10_MiB);
}

TEST_F(HostStreamTest, TenMegabytesEachWayThroughSmallCreditOpenedByTheGuest) {
  HostOptions small = options();
  small.limits = {.buf_alloc = 5000, .send_buffer = 3000};
  start(std::move(small));
  listen(700);
  auto [client, peer] = open_from_guest(4000, 700, 7000);
  exchange(client, peer, 10_MiB);
}

TEST_F(HostStreamTest, BytesBehindTheConnectLineAreTheFirstOfTheStream) {
  start();
  Client client = connect_door();
  client.write("CONNECT 52\nhello");
  GuestPeer peer(52, kFirstPort, 1000);
  peer.receive(guest_gets());
  guest_sends(peer.response());
  peer.receive(guest_gets());
  EXPECT_EQ(peer.read(100).size(), 5U);
}

TEST_F(HostStreamTest, AClientIsClosedWhenNobodyListensInTheGuest) {
  start();
  Client client = connect_door();
  client.write("CONNECT 52\n");
  guest_sends(reset_for(guest_gets().header));
  run_until([&] { return client.read_text(), client.at_end; });
  EXPECT_EQ(client.text, "");
  EXPECT_EQ(host_->counters().refused_by_guest, 1U);
  EXPECT_TRUE(host_->connections().empty());
}

TEST_F(HostStreamTest, AGuestIsRefusedWhenNobodyListensOnTheHost) {
  start();
  GuestPeer peer(4000, 700, 1000);
  guest_sends(peer.request());
  const Packet answer = guest_gets();
  EXPECT_EQ(answer.header.op, Op::kRst);
  peer.receive(answer);
  EXPECT_EQ(host_->counters().refused_by_host, 1U);
}

TEST_F(HostStreamTest, TheClientsHalfCloseReachesTheGuestAndTheOtherDirectionLives) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  client.write("request");
  client.finish_sending();
  run_until([&] { return serve(peer), peer.host_finished; });
  EXPECT_EQ(peer.read(100).size(), 7U);
  EXPECT_FALSE(peer.host_stopped);
  guest_sends(peer.send(std::as_bytes(std::span(std::string_view("answer")))));
  run_until([&] { return client.read_text() == "answer"; });
  EXPECT_FALSE(client.at_end);
}

TEST_F(HostStreamTest, TheGuestsHalfCloseReachesTheClientAndTheOtherDirectionLives) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  guest_sends(peer.send(stream_bytes(1, 0, 7)));
  guest_sends(peer.packet(Op::kShutdown, kShutdownSend));
  run_until([&] { return client.read_text(), client.at_end; });
  EXPECT_EQ(client.text.size(), 7U);
  client.write("still here");
  run_until([&] { return serve(peer), peer.unread() == 10; });
  // With the second half the connection is complete, whichever way the client leaves.
  client.finish_sending();
  peer.read(10);
  run_until([&] { return serve(peer), host_->connections().empty(); });
  EXPECT_TRUE(peer.reset);
}

TEST_F(HostStreamTest, AGuestThatReadsNoMoreStopsTheClientsWrites) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  guest_sends(peer.packet(Op::kShutdown, kShutdownReceive));
  run_until([&] { return client.write(stream_bytes(1, 0, 1)), client.write_failed; });
  guest_sends(peer.send(stream_bytes(1, 0, 3)));
  run_until([&] { return client.read_text().size() == 3; });
}

TEST_F(HostStreamTest, AClientThatGoesLeavesItsBytesAndTheGuestLearnsBoth) {
  start();
  auto [client, peer] = open_to_guest(52, 10);
  client.write("more than the guest has room for");
  client.close();
  std::size_t got = 0;
  run_until([&] { return serve(peer), got += peer.read(3).size(), peer.reset; });
  EXPECT_EQ(got, 32U);
  flush(peer);
  run_until([&] { return host_->connections().empty(); });
}

TEST_F(HostStreamTest, AClientThatGoesWithBytesUnreadResetsTheGuest) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  guest_sends(peer.send(stream_bytes(1, 0, 100)));
  settle();
  client.close();
  EXPECT_EQ(guest_gets_op(), Op::kRst);
  EXPECT_TRUE(host_->connections().empty());
}

TEST_F(HostStreamTest, AResetByTheGuestClosesTheClientBehindItsLastByte) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  guest_sends(peer.send(stream_bytes(1, 0, 100)));
  guest_sends(peer.packet(Op::kRst));
  run_until([&] { return client.read_text(), client.at_end; });
  EXPECT_EQ(client.text.size(), 100U);
  EXPECT_TRUE(host_->connections().empty());
  expect_nothing_for_guest();
}

TEST_F(HostStreamTest, TheWholeLifeOfAConnectionInOneBatchIsStillAnswered) {
  start();
  Client client = connect_door();
  client.write("CONNECT 52\n");
  GuestPeer peer(52, kFirstPort, 1000);
  peer.receive(guest_gets());
  guest_sends(peer.response());
  guest_sends(peer.send(stream_bytes(1, 0, 5)));
  guest_sends(peer.packet(Op::kShutdown, kShutdownBoth));
  run_until([&] { return client.read_text(), client.at_end; });
  EXPECT_EQ(client.text.size(), std::string("OK 1073741824\n").size() + 5);
  EXPECT_EQ(guest_gets_op(), Op::kRst);
}

TEST_F(HostStreamTest, ASlowClientHoldsUpNobodyElseAndItsBufferIsBounded) {
  HostOptions small = options();
  small.limits.buf_alloc = 100'000;
  start(std::move(small));
  auto [slow, slow_peer] = open_to_guest(52, 1000);
  auto [fast, fast_peer] = open_to_guest(53, 1000);
  std::uint64_t before = 0;
  do {  // Until neither the socket nor the host takes any more.
    before = slow_peer.sent();
    const auto count = std::min<std::uint64_t>(slow_peer.credit(), 10'000);
    if (count > 0) guest_sends(slow_peer.send(stream_bytes(1, before, count)));
    settle();
    while (auto packet = poll_guest()) slow_peer.receive(*packet);
  } while (slow_peer.sent() > before);
  EXPECT_EQ(slow_peer.credit(), 0U);
  EXPECT_LE(host_->connections()[0].buffered_to_client, 100'000U);
  EXPECT_GE(host_->connections()[0].buffered_to_client, 75'000U);

  guest_sends(fast_peer.send(stream_bytes(2, 0, 500)));
  run_until([&] { return fast.read_text().size() == 500; });
  std::uint64_t got = 0;
  run_until([&] {
    const auto bytes = slow.read();
    EXPECT_EQ(matching(1, got, bytes), bytes.size());
    return (got += bytes.size()) == slow_peer.sent();
  });
}

TEST_F(HostStreamTest, APausedGuestHoldsItsClientsBackAndLosesNothing) {
  HostOptions small = options();
  small.limits.send_buffer = 50'000;
  start(std::move(small));
  auto [client, peer] = open_to_guest(52, 100'000'000);
  std::uint64_t sent = 0;
  for (std::size_t wrote = 1; wrote > 0;) {
    sent += wrote = client.write(stream_bytes(1, sent, 10'000));
    settle();
  }
  EXPECT_LE(host_->connections()[0].buffered_to_guest, 50'000U);
  EXPECT_LT(sent, 4_MiB);  // The rest of it is in the two sockets, which the kernel bounds.
  std::uint64_t got = 0;
  run_until([&] {
    serve(peer);
    const auto bytes = peer.read(1 << 20);
    EXPECT_EQ(matching(1, got, bytes), bytes.size());
    return (got += bytes.size()) == sent;
  });
}

}  // namespace
}  // namespace snaphammer::vsock
