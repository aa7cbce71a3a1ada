#include "lib/vsock/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/vsock/testing/guest_peer.h"

namespace snaphammer::vsock {
namespace {

constexpr std::uint32_t kGuestPort = 52;
constexpr std::uint32_t kHostPort = 1U << 30;
constexpr Addresses kAddresses = {.guest_cid = kTestGuestCid, .guest_port = kGuestPort, .host_port = kHostPort};

/// A connection and its guest, who is led by hand.
class ConnectionTest : public testing::Test {
 protected:
  /// Established by the host, with these buffers on the two sides.
  void establish(std::uint32_t guest_buffer = 1000, ConnectionLimits limits = {}) {
    guest_ = GuestPeer(kGuestPort, kHostPort, guest_buffer);
    connection_ = Connection::to_guest(kAddresses, limits);
    EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRequest));
    connection_.receive(guest_.response());
    EXPECT_EQ(connection_.state(), ConnectionState::kEstablished);
  }

  /// Brings what the connection has to send to the guest; returns what it was.
  std::vector<Op> exchange() {
    std::vector<Op> ops;
    while (auto packet = connection_.next_packet()) {
      ops.push_back(packet->header.op);
      last_ = *packet;
      guest_.receive(*packet);
    }
    return ops;
  }

  void guest_replies() {
    for (; !guest_.replies.empty(); guest_.replies.pop_front()) {
      connection_.receive(guest_.replies.front());
    }
  }
  void guest_sends(std::size_t count) { connection_.receive(guest_.send(stream_bytes(1, guest_.sent(), count))); }
  void client_sends(std::size_t count) { connection_.push(stream_bytes(2, 0, count)); }
  /// Gives the client all that there is, and returns how much it was.
  std::size_t client_takes() {
    std::size_t count = 0;
    while (!connection_.front().empty()) {
      const std::size_t size = connection_.front().size();
      connection_.consume(size);
      count += size;
    }
    return count;
  }

  void expect_closed(CloseReason reason, bool owes_rst) {
    EXPECT_EQ(connection_.state(), ConnectionState::kClosed);
    EXPECT_EQ(name_of(connection_.close_reason()), name_of(reason));
    EXPECT_EQ(connection_.owes_rst(), owes_rst);
    EXPECT_FALSE(connection_.has_packet());
  }

  GuestPeer guest_{kGuestPort, kHostPort, 1000};
  Connection connection_ = Connection::to_guest(kAddresses, {});
  Packet last_;
};

TEST_F(ConnectionTest, ARequestCarriesAddressesAndOurCredit) {
  EXPECT_EQ(connection_.next_packet()->header, (Header{.src_cid = kHostCid,
                                                       .dst_cid = kTestGuestCid,
                                                       .src_port = kHostPort,
                                                       .dst_port = kGuestPort,
                                                       .op = Op::kRequest,
                                                       .buf_alloc = 256_KiB}));
  EXPECT_FALSE(connection_.has_packet());
}

TEST_F(ConnectionTest, ARequestThatIsResetWasRefused) {
  exchange();
  connection_.receive(guest_.packet(Op::kRst));
  expect_closed(CloseReason::kRefused, false);
}

TEST_F(ConnectionTest, AnAnswerBeforeTheRequestHasLeftIsAViolationThatNeedsNoAnswer) {
  connection_.receive(guest_.response());
  expect_closed(CloseReason::kProtocolViolation, false);
}

TEST_F(ConnectionTest, AGuestsRequestIsAnswered) {
  connection_ = Connection::from_guest(guest_.request().header, {});
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kResponse));
  EXPECT_TRUE(guest_.accepted);
  client_sends(1000);
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRw));  // The request has told the guest's credit.
}

TEST_F(ConnectionTest, BytesPushedBeforeTheAnswerFollowIt) {
  client_sends(10);
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRequest));
  connection_.receive(guest_.response());
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRw));
  EXPECT_EQ(guest_.read(100), stream_bytes(2, 0, 10));
}

TEST_F(ConnectionTest, SendsExactlyWhatTheGuestHasCreditFor) {
  establish(1000);
  client_sends(2500);
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRw, Op::kCreditRequest));
  EXPECT_EQ(guest_.received(), 1000U);
  EXPECT_EQ(connection_.credit(), 0U);

  guest_.read(501);
  guest_replies();
  EXPECT_EQ(connection_.credit(), 501U);
  exchange();
  EXPECT_EQ(guest_.received(), 1501U);
}

TEST_F(ConnectionTest, AsksForCreditOncePerStall) {
  establish(10);
  client_sends(100);
  exchange();
  guest_.replies.clear();
  EXPECT_FALSE(connection_.has_packet());
  connection_.receive(guest_.packet(Op::kCreditUpdate));  // No news: nothing was read.
  EXPECT_FALSE(connection_.has_packet());
  guest_.read(1);
  connection_.receive(guest_.packet(Op::kCreditUpdate));
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRw, Op::kCreditRequest));
}

TEST_F(ConnectionTest, AGuestThatShrinksItsBufferBelowWhatIsOnTheWayGetsNothing) {
  establish(1000);
  client_sends(1500);
  exchange();
  Packet shrunk = guest_.packet(Op::kCreditUpdate);
  shrunk.header.buf_alloc = 10;
  connection_.receive(shrunk);
  EXPECT_EQ(connection_.credit(), 0U);
  EXPECT_FALSE(connection_.has_packet());
}

TEST_F(ConnectionTest, PacketsAreNoLargerThanTheLimit) {
  establish(100'000, {.max_payload = 4096});
  client_sends(10'000);
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRw, Op::kRw, Op::kRw));
  EXPECT_EQ(last_.payload.size(), 10'000U - 2 * 4096);
}

TEST_F(ConnectionTest, ConfirmingWhatWasNeverSentEndsIt) {
  for (const std::uint32_t fwd_cnt : {101U, 0x80000000U, 0xffffffffU}) {
    establish();
    client_sends(100);
    exchange();
    Packet lie = guest_.packet(Op::kCreditUpdate);
    lie.header.fwd_cnt = fwd_cnt;
    connection_.receive(lie);
    expect_closed(CloseReason::kCreditViolation, true);
  }
}

TEST_F(ConnectionTest, AnOlderConfirmationIsIgnored) {
  establish(100);
  client_sends(200);
  exchange();
  const Packet older = guest_.packet(Op::kCreditUpdate);
  guest_.read(100);
  connection_.receive(guest_.packet(Op::kCreditUpdate));
  connection_.receive(older);
  EXPECT_EQ(connection_.state(), ConnectionState::kEstablished);
  EXPECT_EQ(connection_.credit(), 100U);
  EXPECT_EQ(connection_.stale_credits(), 1U);
}

TEST_F(ConnectionTest, TheGuestMayFillOurBufferButNotMore) {
  establish(1000, {.buf_alloc = 300});
  guest_sends(100);
  guest_sends(200);
  EXPECT_EQ(connection_.buffered_to_client(), 300U);
  EXPECT_EQ(connection_.state(), ConnectionState::kEstablished);
  guest_sends(1);
  expect_closed(CloseReason::kCreditViolation, true);
  EXPECT_EQ(connection_.buffered_to_client(), 0U);
}

TEST_F(ConnectionTest, CreditIsGivenWhenTheClientHasTakenAQuarter) {
  establish(1000, {.buf_alloc = 400});
  guest_sends(400);
  connection_.consume(99);
  EXPECT_FALSE(connection_.has_packet());
  connection_.consume(1);
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kCreditUpdate));
  EXPECT_EQ(guest_.credit(), 100U);
}

TEST_F(ConnectionTest, ABufferOfOneByteStillMoves) {
  establish(1, {.buf_alloc = 1});
  for (int i = 0; i < 5; ++i) {
    guest_sends(1);
    EXPECT_EQ(client_takes(), 1U);
    EXPECT_THAT(exchange(), testing::ElementsAre(Op::kCreditUpdate));
    EXPECT_EQ(guest_.credit(), 1U);
  }
}

TEST_F(ConnectionTest, ACreditRequestIsAnsweredOnceHoweverOftenItCame) {
  establish();
  for (int i = 0; i < 1000; ++i) connection_.receive(guest_.packet(Op::kCreditRequest));
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kCreditUpdate));
}

TEST_F(ConnectionTest, CountsGoRoundAt32Bits) {
  establish(256_KiB);
  const auto chunk = stream_bytes(3, 0, kMaxPayload);
  std::uint64_t taken_by_guest = 0;
  const std::uint64_t beyond = (std::uint64_t{1} << 32) + 10 * kMaxPayload;
  for (std::uint64_t position = 0; position < beyond; position += chunk.size()) {
    ASSERT_GE(connection_.room(), chunk.size());
    connection_.push(chunk);
    ASSERT_GE(guest_.credit(), chunk.size());
    connection_.receive(guest_.send(chunk));
    ASSERT_EQ(client_takes(), chunk.size());
    while (auto packet = connection_.next_packet()) {
      // Only the counts matter here: the guest gets them without four gigabytes.
      if (packet->header.op == Op::kRw) {
        taken_by_guest += packet->payload.size();
        packet->payload.clear();
        packet->header.op = Op::kCreditUpdate;
      }
      guest_.receive(*packet);
    }
    Packet update = guest_.packet(Op::kCreditUpdate);
    update.header.fwd_cnt = static_cast<std::uint32_t>(taken_by_guest);
    connection_.receive(update);
    ASSERT_EQ(connection_.credit(), 256_KiB);
    ASSERT_EQ(connection_.state(), ConnectionState::kEstablished);
  }
  EXPECT_EQ(taken_by_guest, beyond);
  EXPECT_EQ(guest_.sent(), beyond);
}

TEST_F(ConnectionTest, TheClientsEndFollowsItsLastByte) {
  establish(100);
  client_sends(150);
  connection_.finish_sending();
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRw, Op::kCreditRequest));
  EXPECT_FALSE(guest_.host_finished);
  guest_.read(100);
  guest_replies();
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRw, Op::kShutdown));
  EXPECT_EQ(last_.header.flags, kShutdownSend);
  guest_sends(10);  // The other direction lives.
  EXPECT_EQ(client_takes(), 10U);
}

TEST_F(ConnectionTest, TheGuestsEndFollowsItsLastByte) {
  establish();
  guest_sends(10);
  connection_.receive(guest_.packet(Op::kShutdown, kShutdownSend));
  EXPECT_FALSE(connection_.at_end());
  EXPECT_EQ(client_takes(), 10U);
  EXPECT_TRUE(connection_.at_end());
  client_sends(10);
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kRw));
}

TEST_F(ConnectionTest, BytesAfterTheGuestsEndAreAViolation) {
  establish();
  connection_.receive(guest_.packet(Op::kShutdown, kShutdownSend));
  guest_sends(1);
  expect_closed(CloseReason::kProtocolViolation, true);
}

TEST_F(ConnectionTest, AGuestThatReceivesNoMoreStopsTheClient) {
  establish(10);
  client_sends(100);
  exchange();
  connection_.receive(guest_.packet(Op::kShutdown, kShutdownReceive));
  EXPECT_FALSE(connection_.takes_bytes());
  EXPECT_EQ(connection_.room(), 0U);
  EXPECT_EQ(connection_.buffered_to_guest(), 0U);
  guest_sends(5);
  EXPECT_EQ(client_takes(), 5U);
}

TEST_F(ConnectionTest, AGuestThatEndsBothDirectionsIsConfirmedAtOnceAndItsBytesStay) {
  establish();
  guest_sends(10);
  connection_.receive(guest_.packet(Op::kShutdown, kShutdownBoth));
  expect_closed(CloseReason::kGuestClosed, true);
  EXPECT_EQ(client_takes(), 10U);
  EXPECT_TRUE(connection_.at_end());
}

TEST_F(ConnectionTest, AClientThatHasGoneIsToldAndConfirmed) {
  establish(100);
  client_sends(50);
  guest_sends(20);
  connection_.finish_sending();
  connection_.stop_receiving();
  EXPECT_TRUE(connection_.awaits_confirmation());
  exchange();
  EXPECT_TRUE(guest_.host_finished && guest_.host_stopped);
  EXPECT_FALSE(guest_.reset);  // It has yet to read.
  guest_sends(5);              // Crossed with the SHUTDOWN; nobody wants it.
  EXPECT_EQ(connection_.state(), ConnectionState::kEstablished);
  EXPECT_EQ(guest_.read(100).size(), 50U);
  guest_replies();
  expect_closed(CloseReason::kClientClosed, false);
}

TEST_F(ConnectionTest, BytesForAClientThatReadsNoMoreKeepTheCreditRight) {
  establish(1000, {.buf_alloc = 100});
  guest_sends(60);
  connection_.stop_receiving();
  EXPECT_EQ(connection_.buffered_to_client(), 0U);
  EXPECT_THAT(exchange(), testing::ElementsAre(Op::kShutdown));
  EXPECT_EQ(guest_.credit(), 100U);
  guest_sends(100);
  exchange();
  EXPECT_EQ(guest_.credit(), 100U);
}

TEST_F(ConnectionTest, AResetByTheGuestLeavesItsBytesToTheClient) {
  establish();
  guest_sends(10);
  connection_.receive(guest_.packet(Op::kRst));
  expect_closed(CloseReason::kGuestReset, false);
  EXPECT_EQ(client_takes(), 10U);
}

TEST_F(ConnectionTest, AResetByTheHostThrowsEverythingAway) {
  establish(10);
  client_sends(50);
  guest_sends(10);
  connection_.reset(CloseReason::kInjected);
  expect_closed(CloseReason::kInjected, true);
  EXPECT_EQ(connection_.buffered_to_client() + connection_.buffered_to_guest(), 0U);
  connection_.reset(CloseReason::kTimeout);
  expect_closed(CloseReason::kInjected, true);
}

TEST_F(ConnectionTest, WhatDoesNotFitTheStateIsAViolation) {
  for (const Op op : {Op::kRequest, Op::kRw, Op::kShutdown, Op::kCreditUpdate, Op::kCreditRequest}) {
    connection_ = Connection::to_guest(kAddresses, {});
    static_cast<void>(connection_.next_packet());
    connection_.receive(guest_.packet(op));
    SCOPED_TRACE(name_of(op));
    expect_closed(CloseReason::kProtocolViolation, true);
  }
  for (const Op op : {Op::kRequest, Op::kResponse}) {
    establish();
    connection_.receive(guest_.packet(op));
    SCOPED_TRACE(name_of(op));
    expect_closed(CloseReason::kProtocolViolation, true);
  }
  connection_ = Connection::from_guest(guest_.request().header, {});
  connection_.receive(guest_.packet(Op::kRw));  // It has not been accepted yet.
  expect_closed(CloseReason::kProtocolViolation, true);
}

TEST_F(ConnectionTest, NothingMattersAfterTheEnd) {
  establish();
  connection_.reset(CloseReason::kHostReset);
  for (const Op op :
       {Op::kRequest, Op::kResponse, Op::kRst, Op::kShutdown, Op::kRw, Op::kCreditUpdate, Op::kCreditRequest}) {
    connection_.receive(guest_.packet(op));
  }
  connection_.finish_sending();
  connection_.stop_receiving();
  expect_closed(CloseReason::kHostReset, true);
}

TEST_F(ConnectionTest, ALostTransportIsNotAnsweredAndLeavesTheBytes) {
  establish();
  guest_sends(7);
  connection_.lose_transport();
  expect_closed(CloseReason::kTransportGone, false);
  EXPECT_EQ(client_takes(), 7U);
}

TEST_F(ConnectionTest, MemoryForManyTinyPacketsIsThatOfTheirBytes) {
  establish(1000, {.buf_alloc = 100'000});
  for (int i = 0; i < 100'000; ++i) guest_sends(1);
  EXPECT_EQ(connection_.buffered_to_client(), 100'000U);
  EXPECT_GE(connection_.front().size(), 16'000U);
  std::uint64_t position = 0;
  while (!connection_.front().empty()) {
    const auto bytes = connection_.front();
    ASSERT_EQ(matching(1, position, bytes), bytes.size());
    position += bytes.size();
    connection_.consume(bytes.size());
  }
}

}  // namespace
}  // namespace snaphammer::vsock
