#include "lib/sandbox/transport_reset.h"

#include <gtest/gtest.h>

namespace snaphammer::sandbox {
namespace {

using vsock::Direction;
using vsock::Op;
using vsock::VerdictKind;

constexpr std::uint32_t kOutputPort = 1025;

class AwaitTransportResetTest : public testing::Test {
 protected:
  VerdictKind decide(Direction direction, Op op, std::uint32_t host_port, const vsock::ConnectionInfo* connection) {
    vsock::Packet packet;
    packet.header.op = op;
    return filter.decide({direction, packet, 5000, host_port, connection, 0}).kind;
  }
  VerdictKind answer_stray() { return decide(Direction::kToGuest, Op::kRst, 7, nullptr); }
  VerdictKind guest_connects_to(std::uint32_t port) {
    return decide(Direction::kFromGuest, Op::kRequest, port, nullptr);
  }

  AwaitTransportReset filter{kOutputPort};
};

TEST_F(AwaitTransportResetTest, ConnectionsOfTheSnapshotHearNothingUntilTheGuestConnectsAnew) {
  EXPECT_EQ(answer_stray(), VerdictKind::kDrop);
  EXPECT_EQ(answer_stray(), VerdictKind::kDrop);
  EXPECT_EQ(guest_connects_to(kOutputPort), VerdictKind::kPass);
  EXPECT_EQ(answer_stray(), VerdictKind::kPass);
}

TEST_F(AwaitTransportResetTest, OnlyANewOutputConnectionProvesThatTheResetWasHandled) {
  EXPECT_EQ(guest_connects_to(kOutputPort + 1), VerdictKind::kPass);
  EXPECT_EQ(answer_stray(), VerdictKind::kDrop);
  // Data of the old output connection is no new one.
  EXPECT_EQ(decide(Direction::kFromGuest, Op::kRw, kOutputPort, nullptr), VerdictKind::kPass);
  EXPECT_EQ(answer_stray(), VerdictKind::kDrop);
}

TEST_F(AwaitTransportResetTest, OnceGivenUpStrayPacketsAreAnswered) {
  filter.give_up();
  EXPECT_EQ(answer_stray(), VerdictKind::kPass);
}

TEST_F(AwaitTransportResetTest, WhatTheHostMeansToEndIsEnded) {
  const vsock::ConnectionInfo connection{};
  EXPECT_EQ(decide(Direction::kToGuest, Op::kRst, 7, &connection), VerdictKind::kPass);
  EXPECT_EQ(decide(Direction::kToGuest, Op::kRw, 7, nullptr), VerdictKind::kPass);
}

}  // namespace
}  // namespace snaphammer::sandbox
