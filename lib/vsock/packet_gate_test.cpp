#include "lib/vsock/packet_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snaphammer::vsock {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using Outcome = PacketGate::Outcome;

/// Does what a test's function says.
class Scripted : public PacketFilter {
 public:
  explicit Scripted(std::function<Verdict(const PacketContext&)> decide) : decide_(decide) {}
  Verdict decide(const PacketContext& context) override { return decide_(context); }

 private:
  std::function<Verdict(const PacketContext&)> decide_;
};

class PacketGateTest : public testing::Test {
 protected:
  std::shared_ptr<PacketFilter> filter(std::function<Verdict(const PacketContext&)> decide) {
    auto filter = std::make_shared<Scripted>(std::move(decide));
    gate_.add(filter);
    return filter;
  }
  std::shared_ptr<PacketFilter> always(Verdict verdict) {
    return filter([=](const PacketContext&) { return verdict; });
  }

  /// A packet of the guest to port 700, recognisable by `mark`.
  Outcome admit(std::uint32_t guest_port, std::uint32_t mark) {
    Packet packet{.header = {.src_port = guest_port, .dst_port = 700, .op = Op::kCreditUpdate, .fwd_cnt = mark},
                  .payload = {}};
    return gate_.admit(Direction::kFromGuest, packet, nullptr, now_);
  }
  std::vector<std::uint32_t> released() {
    std::vector<std::uint32_t> marks;
    for (const auto& due : gate_.release(now_)) marks.push_back(due.packet.header.fwd_cnt);
    return marks;
  }

  TimePoint now_ = TimePoint() + 1h;
  std::vector<VerdictKind> seen_;
  PacketGate gate_{[this](const PacketContext&, VerdictKind verdict) { seen_.push_back(verdict); }};
};

TEST_F(PacketGateTest, WithoutFiltersEverythingPasses) {
  EXPECT_EQ(admit(1, 1), Outcome::kForward);
  EXPECT_FALSE(gate_.next_due());
  EXPECT_THAT(seen_, ElementsAre(VerdictKind::kPass));
}

TEST_F(PacketGateTest, TheFirstFilterThatActsDecidesAndIsTheOneThatIsCounted) {
  const auto passes = always(Verdict::pass());
  const auto drops = always(Verdict::drop());
  const auto resets = always(Verdict::reset());
  const TimePoint before = SteadyClock::now();
  EXPECT_EQ(admit(1, 1), Outcome::kTaken);
  EXPECT_EQ(admit(1, 2), Outcome::kTaken);
  EXPECT_EQ(drops->tally().of(VerdictKind::kDrop).acted, 2U);
  ASSERT_TRUE(drops->tally().of(VerdictKind::kDrop).first);
  EXPECT_GE(*drops->tally().of(VerdictKind::kDrop).first, before);
  EXPECT_EQ(resets->tally().of(VerdictKind::kReset).acted, 0U);
  EXPECT_FALSE(resets->tally().of(VerdictKind::kReset).first);
  EXPECT_FALSE(passes->tally().of(VerdictKind::kPass).first);
}

TEST_F(PacketGateTest, TheContextSaysWhichPacketOfWhichConnection) {
  ConnectionInfo info{.id = 9, .packets_to_guest = 4, .packets_from_guest = 7};
  std::vector<std::uint64_t> ordinals;
  filter([&](const PacketContext& context) {
    EXPECT_EQ(context.connection->id, 9U);
    EXPECT_EQ(context.guest_port, 52U);
    EXPECT_EQ(context.host_port, 1000U);
    ordinals.push_back(context.ordinal);
    return Verdict::pass();
  });
  Packet to_guest{.header = {.src_port = 1000, .dst_port = 52}, .payload = {}};
  Packet from_guest{.header = {.src_port = 52, .dst_port = 1000}, .payload = {}};
  gate_.admit(Direction::kToGuest, to_guest, &info, now_);
  gate_.admit(Direction::kFromGuest, from_guest, &info, now_);
  EXPECT_THAT(ordinals, ElementsAre(4, 7));
}

TEST_F(PacketGateTest, ADelayIsALatencyNotAQueue) {
  always(Verdict::delayed(10ms));
  admit(1, 1);
  now_ += 4ms;
  admit(1, 2);
  EXPECT_THAT(released(), ElementsAre());
  now_ += 6ms;
  EXPECT_THAT(released(), ElementsAre(1));
  EXPECT_EQ(gate_.next_due(), now_ + 4ms);
  now_ += 4ms;
  EXPECT_THAT(released(), ElementsAre(2));
  EXPECT_FALSE(gate_.next_due());
}

TEST_F(PacketGateTest, NothingOvertakesInAFlowAndOtherFlowsGoOn) {
  filter([](const PacketContext& context) {
    return context.packet.header.fwd_cnt == 1 ? Verdict::delayed(10ms) : Verdict::pass();
  });
  EXPECT_EQ(admit(1, 1), Outcome::kTaken);
  EXPECT_EQ(admit(1, 2), Outcome::kTaken);
  EXPECT_EQ(admit(2, 3), Outcome::kForward);
  EXPECT_THAT(released(), ElementsAre());
  now_ += 10ms;
  EXPECT_THAT(released(), ElementsAre(1, 2));
  EXPECT_EQ(admit(1, 4), Outcome::kForward);
}

TEST_F(PacketGateTest, AStallEndsWithItsFilter) {
  const auto stall = always(Verdict::stall());
  admit(1, 1);
  admit(1, 2);
  now_ += 24h;
  EXPECT_FALSE(gate_.next_due());
  EXPECT_THAT(released(), ElementsAre());
  gate_.remove(*stall, now_);
  EXPECT_EQ(gate_.next_due(), now_);
  EXPECT_THAT(released(), ElementsAre(1, 2));
}

TEST_F(PacketGateTest, StalledPacketsAreDecidedAnewByTheFiltersThatRemain) {
  const auto stall = always(Verdict::stall());
  const auto other = filter([](const PacketContext& context) {
    if (context.packet.header.fwd_cnt == 1) return Verdict::drop();
    if (context.packet.header.fwd_cnt == 2) return Verdict::reset();
    return Verdict::stall();
  });
  for (std::uint32_t mark : {1U, 2U, 3U}) admit(1, mark);
  gate_.remove(*stall, now_);
  const auto due = gate_.release(now_);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].packet.header.fwd_cnt, 2U);
  EXPECT_TRUE(due[0].reset);
  gate_.remove(*other, now_);
  EXPECT_THAT(released(), ElementsAre(3));
}

TEST_F(PacketGateTest, RemovingOneFilterDoesNotFreeWhatAnotherStalls) {
  const auto stall = always(Verdict::stall());
  const auto other = always(Verdict::stall());
  admit(1, 1);
  gate_.remove(*other, now_);
  EXPECT_THAT(released(), ElementsAre());
  EXPECT_EQ(stall->tally().of(VerdictKind::kStall).acted, 1U);
}

TEST_F(PacketGateTest, AFlowThatHoldsEnoughSaysSo) {
  const auto stall = always(Verdict::stall());
  EXPECT_FALSE(gate_.is_full(Direction::kFromGuest, 1, 700));
  for (std::uint32_t i = 0; i < 1024; ++i) admit(1, i);
  EXPECT_TRUE(gate_.is_full(Direction::kFromGuest, 1, 700));
  EXPECT_FALSE(gate_.is_full(Direction::kToGuest, 1, 700));
  gate_.forget(1, 700);
  EXPECT_FALSE(gate_.is_full(Direction::kFromGuest, 1, 700));
}

TEST_F(PacketGateTest, WhatWaitsIsBounded) {
  always(Verdict::stall());
  std::uint64_t taken = 0;
  while (admit(static_cast<std::uint32_t>(taken), 0) == Outcome::kTaken) {
    ASSERT_LT(++taken, 10'000'000U);
  }
  EXPECT_LE(taken, 64_MiB / sizeof(Packet));
  EXPECT_EQ(gate_.dropped_for_space(), 1U);
  gate_.clear();
  EXPECT_EQ(admit(1, 1), Outcome::kTaken);
}

}  // namespace
}  // namespace snaphammer::vsock
