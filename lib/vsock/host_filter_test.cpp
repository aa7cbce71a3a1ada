// Faults through filters, from end to end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/vsock/testing/host_fixture.h"

namespace snaphammer::vsock {
namespace {

using namespace std::chrono_literals;

/// Applies one verdict to packets of connections to one guest port, in one direction, from one ordinal on.
class Fault : public PacketFilter {
 public:
  Fault(Verdict verdict, Direction direction, std::uint32_t guest_port, std::uint64_t from = 0)
      : verdict_(verdict), direction_(direction), guest_port_(guest_port), from_(from) {}
  Verdict decide(const PacketContext& context) override {
    const bool chosen =
        context.direction == direction_ && context.guest_port == guest_port_ && context.ordinal >= from_;
    return chosen ? verdict_ : Verdict::pass();
  }
  std::uint64_t acted() const { return tally().of(verdict_.kind).acted; }

 private:
  Verdict verdict_;
  Direction direction_;
  std::uint32_t guest_port_;
  std::uint64_t from_;
};

class HostFilterTest : public HostFixture {
 protected:
  std::shared_ptr<Fault> inject(Verdict verdict, Direction direction, std::uint32_t guest_port,
                                std::uint64_t from = 0) {
    auto fault = std::make_shared<Fault>(verdict, direction, guest_port, from);
    host_->add_filter(fault);
    return fault;
  }
  void expect_carries(Client& client, GuestPeer& peer) {
    guest_sends(peer.send(stream_bytes(1, 0, 10)));
    client.text.clear();
    run_until([&] { return client.read_text().size() == 10; });
    client.write("0123456789");
    const std::uint64_t before = peer.received();
    run_until([&] { return serve(peer), peer.received() == before + 10; });
  }
};

TEST_F(HostFilterTest, ADroppedPacketLeavesAHoleInItsStreamOnly) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  auto [other, other_peer] = open_to_guest(53, 1000);
  const auto fault = inject(Verdict::drop(), Direction::kFromGuest, 52, 2);
  guest_sends(peer.send(stream_bytes(1, 0, 10)));   // Ordinal 1, behind RESPONSE.
  guest_sends(peer.send(stream_bytes(1, 10, 10)));  // 2: dropped.
  run_until([&] { return fault->acted() == 1; });
  host_->remove_filter(*fault);
  guest_sends(peer.send(stream_bytes(1, 20, 10)));
  run_until([&] { return client.read_text().size() == 20; });
  EXPECT_EQ(client.text.substr(10)[0], static_cast<char>(stream_byte(1, 20)));
  EXPECT_TRUE(fault->tally().of(VerdictKind::kDrop).first);
  expect_carries(other, other_peer);
}

TEST_F(HostFilterTest, ADroppedRequestIsNeverAnswered) {
  start();
  listen(700);
  inject(Verdict::drop(), Direction::kFromGuest, 4000);
  guest_sends(GuestPeer(4000, 700, 1000).request());
  expect_nothing_for_guest();
  EXPECT_TRUE(host_->connections().empty());
}

TEST_F(HostFilterTest, ADelayHoldsOneDirectionOfOneConnection) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  auto [other, other_peer] = open_to_guest(53, 1000);
  const auto fault = inject(Verdict::delayed(200ms), Direction::kToGuest, 52);
  const TimePoint written = SteadyClock::now();
  client.write("late");
  run_until([&] { return fault->acted() == 1; });
  guest_sends(peer.send(stream_bytes(1, 0, 10)));
  run_until([&] { return client.read_text().size() == 10; });  // The other direction.
  other.write("prompt");
  const Packet first = guest_gets();
  EXPECT_EQ(first.header.dst_port, 53U);
  const Packet second = guest_gets();
  EXPECT_EQ(second.header.dst_port, 52U);
  EXPECT_GE(SteadyClock::now() - written, 200ms);
}

TEST_F(HostFilterTest, DelayedBytesArriveWholeAndInOrderUnderLoad) {
  start();
  auto [client, peer] = open_to_guest(52, 256_KiB);
  inject(Verdict::delayed(1ms), Direction::kToGuest, 52);
  inject(Verdict::delayed(1ms), Direction::kFromGuest, 52);
  std::uint64_t sent = 0;
  std::uint64_t guest_got = 0;
  std::uint64_t client_got = 0;
  run_until([&] {
    sent += client.write(stream_bytes(1, sent, std::min<std::uint64_t>(1_MiB - sent, 10'000)));
    serve(peer);
    const auto bytes = peer.read(100'000);
    EXPECT_EQ(matching(1, guest_got, bytes), bytes.size());
    guest_got += bytes.size();
    flush(peer);
    const auto count = std::min<std::uint64_t>({1_MiB - peer.sent(), peer.credit(), 5'000});
    if (count > 0) guest_sends(peer.send(stream_bytes(2, peer.sent(), count)));
    const auto for_client = client.read();
    EXPECT_EQ(matching(2, client_got, for_client), for_client.size());
    client_got += for_client.size();
    return guest_got == 1_MiB && client_got == 1_MiB;
  });
}

TEST_F(HostFilterTest, AResetEndsBothSidesAtTheChosenPacket) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  auto [other, other_peer] = open_to_guest(53, 1000);
  const auto fault = inject(Verdict::reset(), Direction::kToGuest, 52, 2);
  client.write("one");  // Ordinal 1, behind REQUEST.
  run_until([&] { return serve(peer), peer.received() == 3; });
  client.write("two");
  run_until([&] { return serve(peer), peer.reset; });
  EXPECT_EQ(peer.received(), 3U);
  run_until([&] { return client.read(), client.at_end; });
  EXPECT_EQ(fault->acted(), 1U);  // The RST that it ordered is not asked about again.
  expect_carries(other, other_peer);
}

TEST_F(HostFilterTest, AResetOfAGuestsRequestRefusesIt) {
  start();
  listen(700);
  inject(Verdict::reset(), Direction::kFromGuest, 4000);
  guest_sends(GuestPeer(4000, 700, 1000).request());
  EXPECT_EQ(guest_gets_op(), Op::kRst);
  guest_sends(GuestPeer(4000, 700, 1000).packet(Op::kRst));
  expect_nothing_for_guest();
}

TEST_F(HostFilterTest, AStallHoldsEverythingUntilItIsHealed) {
  HostOptions small = options();
  small.limits.send_buffer = 50'000;
  start(std::move(small));
  auto [client, peer] = open_to_guest(52, 100'000'000);
  auto [other, other_peer] = open_to_guest(53, 1000);
  const auto fault = inject(Verdict::stall(), Direction::kToGuest, 52);
  std::uint64_t sent = 0;
  for (std::size_t wrote = 1; wrote > 0;) {  // Until the client has to wait.
    sent += wrote = client.write(stream_bytes(1, sent, 10'000));
    settle();
  }
  EXPECT_LT(sent, 4_MiB);
  expect_nothing_for_guest();
  expect_carries(other, other_peer);
  EXPECT_GT(fault->acted(), 0U);

  host_->remove_filter(*fault);
  std::uint64_t got = 0;
  run_until([&] {
    serve(peer);
    const auto bytes = peer.read(1 << 20);
    EXPECT_EQ(matching(1, got, bytes), bytes.size());
    return (got += bytes.size()) == sent;
  });
}

TEST_F(HostFilterTest, AStalledConnectionCanStillBeReset) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  const auto stall = inject(Verdict::stall(), Direction::kToGuest, 52);
  client.write("stalled");
  run_until([&] { return stall->acted() == 1; });
  inject(Verdict::reset(), Direction::kFromGuest, 52);
  guest_sends(peer.packet(Op::kCreditUpdate));
  EXPECT_EQ(guest_gets_op(), Op::kRst);
  host_->remove_filter(*stall);
  expect_nothing_for_guest();
}

TEST_F(HostFilterTest, AHalfOpenConnectionHasAGuestThatNeverLearnsOfTheEnd) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  const auto fault = inject(Verdict::drop(), Direction::kToGuest, 52, 1);
  EXPECT_EQ(host_->reset_all(CloseReason::kInjected), 1U);
  run_until([&] { return client.read(), client.at_end; });
  expect_nothing_for_guest();
  EXPECT_EQ(fault->acted(), 1U);  // The RST; it is known to be this connection's second packet.
  host_->remove_filter(*fault);
  guest_sends(peer.send(stream_bytes(1, 0, 1)));
  EXPECT_EQ(guest_gets_op(), Op::kRst);  // It learns when it speaks.
}

TEST_F(HostFilterTest, StoppingWithPacketsHeldIsClean) {
  start();
  auto [client, peer] = open_to_guest(52, 1000);
  inject(Verdict::delayed(1ms), Direction::kToGuest, 52);
  inject(Verdict::stall(), Direction::kFromGuest, 52);
  client.write("held");
  guest_sends(peer.send(stream_bytes(1, 0, 10)));
  context_.restart();
  context_.poll();
  host_.reset();
  settle();
  client.read();
  EXPECT_TRUE(client.at_end);
}

}  // namespace
}  // namespace snaphammer::vsock
