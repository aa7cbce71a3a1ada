// The Host itself: its tables, ports, counters, time limits, beginning and end.
#include "lib/vsock/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/vsock/testing/host_fixture.h"

namespace snaphammer::vsock {
namespace {

using namespace std::chrono_literals;

class HostTest : public HostFixture {};

TEST_F(HostTest, TheEndOfTheVmmEndsEverythingAndIsAnnounced) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  auto [other, other_peer] = open_to_guest(53, 1000);
  Client waiting = connect_door();
  waiting.write("CONNECT 54\n");
  settle();
  guest_sends(peer.send(stream_bytes(1, 0, 10)));
  EXPECT_FALSE(host_->ended().is_set());
  vmm_.reset();  // With packets to it unread.
  run_until([&] { return host_->ended().is_set(); });
  run_until([&] { return client.read_text(), client.at_end; });
  EXPECT_EQ(client.text.size(), 10U);
  run_until([&] { return other.read_text(), other.at_end; });
  run_until([&] { return waiting.read_text(), waiting.at_end; });
  EXPECT_TRUE(host_->connections().empty());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(HostTest, ResetAllEndsEveryConnectionAndTheDoorStaysOpen) {
  start();
  listen(700);
  auto [client, peer] = open_to_guest(52, 1000);
  auto [other, other_peer] = open_from_guest(4000, 700, 1000);
  EXPECT_EQ(host_->reset_all(CloseReason::kHostReset), 2U);
  const std::vector<Op> ops = {guest_gets_op(), guest_gets_op()};
  EXPECT_THAT(ops, testing::Each(Op::kRst));
  run_until([&] { return client.read(), client.at_end; });
  run_until([&] { return other.read(), other.at_end; });
  EXPECT_EQ(host_->reset_all(CloseReason::kHostReset), 0U);
  open_to_guest(52, 1000);
}

TEST_F(HostTest, OneConnectionCanBeResetByItsId) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  auto [other, other_peer] = open_to_guest(53, 1000);
  const auto connections = host_->connections();
  EXPECT_TRUE(host_->reset(connections[0].id, CloseReason::kInjected));
  EXPECT_FALSE(host_->reset(connections[0].id, CloseReason::kInjected));
  EXPECT_EQ(guest_gets().header.dst_port, 52U);
  ASSERT_EQ(host_->connections().size(), 1U);
  EXPECT_EQ(host_->connections()[0].guest_port, 53U);
}

TEST_F(HostTest, AFreshHostResetsWhatARestoredGuestRemembersButNeverAnRst) {
  start();
  GuestPeer remembered(4000, 700, 1000);
  for (const Op op : {Op::kResponse, Op::kShutdown, Op::kRw, Op::kCreditUpdate}) {
    guest_sends(remembered.packet(op));
    const Packet answer = guest_gets();
    EXPECT_EQ(answer, reset_for(remembered.packet(op).header));
  }
  guest_sends(remembered.packet(Op::kRst));
  expect_nothing_for_guest();
  EXPECT_EQ(host_->counters().strays, 5U);
}

TEST_F(HostTest, ARememberedConnectionOnWhichTheGuestIsSilentCanBeRefused) {
  start();
  GuestPeer remembered(4000, 700, 1000);
  EXPECT_TRUE(host_->refuse(4000, 700));
  EXPECT_EQ(guest_gets(), reset_for(remembered.packet(Op::kRw).header));
  expect_nothing_for_guest();
}

TEST_F(HostTest, AConnectionThatTheHostKnowsIsNotRefused) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  EXPECT_FALSE(host_->refuse(52, host_->connections()[0].host_port));
  expect_nothing_for_guest();
}

TEST_F(HostTest, HostPortsAreNotReusedSoon) {
  start();
  for (std::uint32_t i = 0; i < 20; ++i) {
    auto [client, peer] = open_to_guest(52, 1000);
    EXPECT_EQ(host_->connections()[0].host_port, kFirstPort + i);
    guest_sends(peer.packet(Op::kRst));
    run_until([&] { return host_->connections().empty(); });
  }
}

TEST_F(HostTest, HostPortsStartAnewInTheirRangeAndPassOverThoseInUse) {
  HostOptions last = options();
  last.first_host_port = (1U << 31) - 1;
  start(std::move(last));
  listen(kFirstPort);  // The guest may connect to such a port as well.
  auto held = open_from_guest(4000, kFirstPort, 1000);
  auto first = open_to_guest(52, 1000);
  auto second = open_to_guest(52, 1000);
  EXPECT_EQ(host_->connections()[1].host_port, (1U << 31) - 1);
  EXPECT_EQ(host_->connections()[2].host_port, kFirstPort + 1);
}

TEST_F(HostTest, ConnectionsTellWhatTheyHaveCarried) {
  start();
  listen(700);
  const TimePoint before = SteadyClock::now();
  auto [client, peer] = open_from_guest(4000, 700, 1000);
  client.write("12345");
  run_until([&] { return serve(peer), peer.received() == 5; });
  guest_sends(peer.send(stream_bytes(1, 0, 7)));
  run_until([&] { return client.read_text().size() == 7; });
  const ConnectionInfo info = host_->connections().at(0);
  EXPECT_EQ(info.initiator, Initiator::kGuest);
  EXPECT_EQ(info.guest_port, 4000U);
  EXPECT_EQ(info.host_port, 700U);
  EXPECT_EQ(info.state, ConnectionState::kEstablished);
  EXPECT_EQ(info.bytes_to_guest, 5U);
  EXPECT_EQ(info.bytes_from_guest, 7U);
  EXPECT_EQ(info.packets_to_guest, 2U);    // RESPONSE and bytes.
  EXPECT_EQ(info.packets_from_guest, 1U);  // The REQUEST came before the connection.
  EXPECT_GE(info.opened, before);
}

TEST_F(HostTest, TheTraceSeesEveryPacketInBothDirections) {
  std::vector<std::string> seen;
  HostOptions traced = options();
  traced.trace = [&](const PacketTrace& trace) {
    const bool to_guest = trace.context.direction == Direction::kToGuest;
    seen.push_back((to_guest ? "> " : "< ") + std::string(name_of(trace.context.packet.header.op)));
    EXPECT_EQ(trace.context.guest_port, 52U);
  };
  start(std::move(traced));
  auto [client, peer] = open_to_guest(52, 1000);
  guest_sends(peer.packet(Op::kRst));
  run_until([&] { return host_->connections().empty(); });
  EXPECT_THAT(seen, testing::ElementsAre("> request", "< response", "< rst"));
}

TEST_F(HostTest, AGuestThatDoesNotAnswerTheRequestIsNotWaitedForForEver) {
  HostOptions impatient = options();
  impatient.connect_timeout = 10ms;
  start(std::move(impatient));
  Client client = connect_door();
  client.write("CONNECT 52\n");
  EXPECT_EQ(guest_gets_op(), Op::kRequest);
  EXPECT_EQ(guest_gets_op(), Op::kRst);
  run_until([&] { return client.read(), client.at_end; });
}

TEST_F(HostTest, AGuestThatDoesNotConfirmTheEndIsNotWaitedForForEver) {
  HostOptions impatient = options();
  impatient.close_timeout = 10ms;
  start(std::move(impatient));
  auto [client, peer] = open_to_guest(52, 1000);
  client.close();
  EXPECT_EQ(guest_gets_op(), Op::kShutdown);
  EXPECT_EQ(guest_gets_op(), Op::kRst);
  EXPECT_TRUE(host_->connections().empty());
}

TEST_F(HostTest, TheConnectTimeoutEndsWithTheAnswer) {
  HostOptions impatient = options();
  impatient.connect_timeout = 200ms;
  start(std::move(impatient));
  auto [client, peer] = open_to_guest(52, 1000);
  asio::steady_timer later(context_, 400ms);
  bool passed = false;
  later.async_wait([&](auto) { passed = true; });
  run_until([&] { return passed; });
  EXPECT_EQ(host_->connections().size(), 1U);
}

TEST_F(HostTest, StoppingClosesTheDoorAndAllClientsAndAnotherHostCanFollow) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  Client speaking = connect_door();
  settle();
  host_->stop();
  EXPECT_FALSE(std::filesystem::exists(path_));
  client.read();
  speaking.read();
  EXPECT_TRUE(client.at_end && speaking.at_end);
  host_->stop();
  start();
  open_to_guest(52, 1000);
}

TEST_F(HostTest, AHostThatIsDestroyedAtAnyStepLeavesNothingBehind) {
  for (int steps = 0; steps < 60; ++steps) {
    start();
    listen(700 + static_cast<std::uint32_t>(steps));
    Client client = connect_door();
    client.write("CONNECT 52\nbytes");
    GuestPeer peer(52, kFirstPort, 1000);
    guest_sends(GuestPeer(4000, 700 + static_cast<std::uint32_t>(steps), 1000).request());
    for (int i = 0; i < steps; ++i) {
      context_.restart();
      context_.poll_one();
      if (const auto packet = poll_guest(); packet && packet->header.op == Op::kRequest) {
        guest_sends(peer.response());
        guest_sends(peer.send(stream_bytes(1, 0, 100)));
      }
    }
    host_.reset();
    settle();
    client.read();
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST_F(HostTest, AHostMayOutliveTheRunOfItsContext) {
  auto context = std::make_unique<asio::io_context>();
  auto host = Host::start(context->get_executor(), options());
  ASSERT_TRUE(host);
  context->poll();
  (*host)->stop();
  host->reset();
  context.reset();  // With the host's aborted operations still queued on it.
}

TEST_F(HostTest, WhatCannotWorkIsAnErrorAtTheStart) {
  const auto error_of = [&](HostOptions options) {
    auto host = Host::start(context_.get_executor(), std::move(options));
    return host ? std::string("none") : host.error().message();
  };
  HostOptions wrong = options();
  wrong.path = directory_ / std::string(100, 'x');
  EXPECT_THAT(error_of(std::move(wrong)), testing::HasSubstr("must have 1 to 96 bytes"));
  wrong = options();
  wrong.guest_cid = 2;
  EXPECT_THAT(error_of(std::move(wrong)), testing::HasSubstr("2 is no guest's CID"));
  wrong = options();
  wrong.packets = UniqueFd(::socket(AF_UNIX, SOCK_STREAM, 0));
  EXPECT_THAT(error_of(std::move(wrong)), testing::HasSubstr("no SOCK_SEQPACKET socket"));
  wrong = options();
  wrong.packets.reset();
  EXPECT_THAT(error_of(std::move(wrong)), testing::HasSubstr("Bad file descriptor"));
  start();
  EXPECT_THAT(error_of(options()), testing::HasSubstr("Address already in use"));
  EXPECT_TRUE(std::filesystem::exists(path_));  // It is the first host's.
}

}  // namespace
}  // namespace snaphammer::vsock
