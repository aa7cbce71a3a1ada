// A guest (or a VMM) that does what it must not: it harms its own connections at most.
#include <random>

#include <gtest/gtest.h>

#include "lib/vsock/testing/host_fixture.h"

namespace snaphammer::vsock {
namespace {

class HostileGuest : public HostFixture {
 protected:
  void SetUp() override {
    start();
    auto opened = open_to_guest(52, 1000);
    client_ = std::move(opened.first);
    peer_.emplace(std::move(opened.second));
  }

  /// The connection that was there before still carries bytes both ways.
  void expect_honest_connection_lives() {
    guest_sends(peer_->send(stream_bytes(1, peer_->sent(), 10)));
    run_until([&] { return client_.read_text().size() == 10; });
    client_.text.clear();
    client_.write("0123456789");
    const std::uint64_t before = peer_->received();
    run_until([&] {
      while (auto packet = poll_guest()) {
        if (packet->header.dst_port == 52) peer_->receive(*packet);
      }
      return peer_->received() == before + 10;
    });
    peer_->read(100);
    flush(*peer_);
  }

  Client client_;
  std::optional<GuestPeer> peer_;
};

TEST_F(HostileGuest, WhatIsNoPacketIsDropped) {
  for (const std::size_t size : {0UL, 1UL, 43UL, 45UL, kMaxPacket + 1, kMaxPacket + 1000}) {
    guest_sends_raw(std::vector<std::byte>(size, std::byte{0xff}));
  }
  settle();
  EXPECT_EQ(host_->counters().malformed, 6U);
  expect_nothing_for_guest();
  expect_honest_connection_lives();
}

TEST_F(HostileGuest, ForgedAddressesAreDropped) {
  for (const std::uint64_t cid : {0ULL, 1ULL, 2ULL, 4ULL, 0x100000003ULL, ~0ULL}) {
    Packet forged = peer_->packet(Op::kRst);
    forged.header.src_cid = cid;
    guest_sends(forged);
    forged = peer_->packet(Op::kRst);
    forged.header.dst_cid = cid == kHostCid ? 0 : cid;
    guest_sends(forged);
  }
  settle();
  EXPECT_EQ(host_->counters().wrong_address, 12U);
  expect_honest_connection_lives();
}

TEST_F(HostileGuest, OtherTypesThanStreamsAreAnsweredWithTheirOwn) {
  Packet datagram = peer_->packet(Op::kRw);
  datagram.header.type = 2;
  guest_sends(datagram);
  EXPECT_EQ(guest_gets(), reset_for(datagram.header));
  datagram.header.op = Op::kRst;
  guest_sends(datagram);
  expect_nothing_for_guest();
  EXPECT_EQ(host_->counters().wrong_type, 2U);
  expect_honest_connection_lives();
}

TEST_F(HostileGuest, SendingBeyondItsCreditCostsItTheConnection) {
  auto [client, greedy] = open_to_guest(53, 1000);
  const auto chunk = stream_bytes(1, 0, kMaxPayload);
  for (int i = 0; i < 40; ++i) guest_sends(greedy.send(chunk));  // 2.5 MiB; sockets take some.
  run_until([&] { return host_->counters().violations == 1; });
  EXPECT_EQ(host_->connections().size(), 1U);
  run_until([&] { return client.read(), client.at_end; });
  expect_honest_connection_lives();
}

TEST_F(HostileGuest, ConfirmingTheImpossibleCostsItTheConnection) {
  auto [client, liar] = open_to_guest(53, 1000);
  Packet lie = liar.packet(Op::kCreditUpdate);
  lie.header.fwd_cnt = 0x80000000;
  guest_sends(lie);
  EXPECT_EQ(guest_gets_op(), Op::kRst);
  run_until([&] { return client.read(), client.at_end; });
  expect_honest_connection_lives();
}

TEST_F(HostileGuest, ReusingLivePortsCostsItTheConnection) {
  listen(700);
  auto [client, peer] = open_from_guest(4000, 700, 1000);
  guest_sends(peer.request());
  EXPECT_EQ(guest_gets_op(), Op::kRst);
  run_until([&] { return client.read(), client.at_end; });
  open_from_guest(4000, 700, 1000);  // Now they are free.
  expect_honest_connection_lives();
}

TEST_F(HostileGuest, PortsMayBeReusedWhileTheClientStillReads) {
  listen(700);
  auto [client, peer] = open_from_guest(4000, 700, 1000);
  std::uint64_t sent = 0;
  do {  // More than the client's socket holds.
    sent = peer.sent();
    const auto count = std::min<std::uint64_t>(peer.credit(), kMaxPayload);
    if (count > 0) guest_sends(peer.send(stream_bytes(1, sent, count)));
    settle();
    while (auto packet = poll_guest()) peer.receive(*packet);
  } while (peer.sent() > sent);
  guest_sends(peer.packet(Op::kShutdown, kShutdownBoth));
  EXPECT_EQ(guest_gets_op(), Op::kRst);
  auto [second, second_peer] = open_from_guest(4000, 700, 1000);
  EXPECT_EQ(host_->connections().size(), 3U);

  std::uint64_t got = 0;
  run_until([&] {
    const auto bytes = client.read();
    EXPECT_EQ(matching(1, got, bytes), bytes.size());
    got += bytes.size();
    return client.at_end;
  });
  EXPECT_EQ(got, sent);
  guest_sends(second_peer.send(stream_bytes(2, 0, 5)));
  run_until([&] { return second.read_text().size() == 5; });
}

TEST_F(HostileGuest, ThousandsOfRequestsStopAtTheLimitAndLeaveTheHostsShare) {
  listen(700);
  std::vector<Client> accepted;
  std::size_t responses = 0;
  std::size_t resets = 0;
  for (std::uint32_t port = 10'000; port < 13'000; ++port) {
    guest_sends(GuestPeer(port, 700, 1000).request());
    if (port % 64 == 0) settle();
    accepted.push_back(accept());
    while (auto packet = poll_guest()) ++(packet->header.op == Op::kRst ? resets : responses);
  }
  run_until([&] {
    while (auto packet = poll_guest()) ++(packet->header.op == Op::kRst ? resets : responses);
    return resets + responses == 3000;
  });
  EXPECT_EQ(responses, 1024U);
  EXPECT_EQ(host_->counters().over_limit, 3000U - 1024U);
  open_to_guest(54, 1000);
  expect_honest_connection_lives();
}

TEST_F(HostileGuest, AFloodThatReadsNoAnswersIsAnsweredInBounds) {
  for (std::uint32_t port = 1; port < 30'000; ++port) {
    guest_sends(GuestPeer(port, 9, 1000).packet(Op::kRw));
  }
  settle();
  EXPECT_GT(host_->counters().resets_dropped, 0U);
  while (poll_guest()) {
    settle();
  }
  expect_honest_connection_lives();
}

TEST_F(HostileGuest, RandomPacketsToLiveAndDeadConnectionsDoNoHarm) {
  listen(700);
  std::mt19937_64 random(11);
  std::vector<Client> clients;
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  for (int i = 0; i < 20'000; ++i) {
    // Ports from a small set, so that the packets meet; never the honest connection's.
    Packet packet{.header = {.src_cid = kTestGuestCid,
                             .dst_cid = kHostCid,
                             .src_port = static_cast<std::uint32_t>(1000 + below(4)),
                             .dst_port = below(2) ? 700 : static_cast<std::uint32_t>(below(800)),
                             .op = static_cast<Op>(1 + below(7)),
                             .flags = static_cast<std::uint32_t>(below(5)),
                             .buf_alloc = static_cast<std::uint32_t>(random() >> below(64)),
                             .fwd_cnt = below(4) ? 0 : static_cast<std::uint32_t>(random())},
                  .payload = {}};
    if (packet.header.op == Op::kRw) packet.payload.resize(below(2000));
    guest_sends(packet);
    if (below(8) == 0) settle();
    if (Client client = accept(); client.fd() >= 0) clients.push_back(std::move(client));
    if (!clients.empty()) {
      Client& client = clients[below(clients.size())];
      client.write(stream_bytes(1, 0, below(3000)));
      client.read(below(3000) + 1);
      if (below(50) == 0) client.close();
    }
    if (clients.size() > 50) clients.erase(clients.begin());
    while (auto answer = poll_guest()) EXPECT_EQ(answer->header.dst_cid, kTestGuestCid);
  }
  EXPECT_GT(host_->counters().opened_by_guest, 100U);
  EXPECT_GT(host_->counters().violations, 100U);
  expect_honest_connection_lives();
}

}  // namespace
}  // namespace snaphammer::vsock
