#include "lib/interposer/direction.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "lib/interposer/testing/fake_driver.h"
#include "lib/interposer/testing/packets.h"

namespace snaphammer::interposer {
namespace {

using testing::bytes_of;
using testing::FakeDriver;
using testing::FakeGuest;
using testing::header_for;
using testing::packet_with;
using testing::payload_of;

class DirectionTest : public ::testing::Test {
 protected:
  void SetUp() override { restart(); }
  // As a VMM does it around a snapshot: a new ring over the same memory, at the same position.
  void restart() {
    VringSetup setup = driver_.setup();
    if (ring_) setup.position = ring_->position();
    ring_.emplace(setup, guest_.memory(), DirtyLog());
    ring_->start();
  }

  FakeGuest guest_{{{0, 0x100000}}};
  FakeDriver driver_{guest_, {.size = 64}};
  std::optional<Vring> ring_;
  testing::SocketPair sockets_;
  PacketSocket socket_{sockets_.device.get()};
};

class HostToGuestTest : public DirectionTest {
 protected:
  /// Gives the device a receive buffer, header and payload apart as Linux 6.1 does.
  void offer_buffer(std::uint32_t payload) {
    const std::uint64_t header = guest_.allocate(44);
    const std::uint64_t data = guest_.allocate(payload);
    const std::uint16_t head = driver_.offer({{header, 44, true}, {data, payload, true}});
    buffers_[head] = {header, data};
  }
  /// The next packet that the guest has received; empty when there is none.
  std::string received() {
    const std::optional<FakeDriver::Used> used = driver_.reclaim();
    if (!used) return "";
    const auto [header, data] = buffers_[used->head];
    EXPECT_GE(used->written, 44U);
    return std::string(guest_.view(header, 44)) + std::string(guest_.view(data, used->written - 44));
  }
  Wait move() { return direction_.move(*ring_); }

  HostToGuest direction_{socket_};
  std::map<std::uint16_t, std::pair<std::uint64_t, std::uint64_t>> buffers_;
};

TEST_F(HostToGuestTest, WaitsForAPacket) {
  offer_buffer(4096);
  EXPECT_EQ(move(), Wait::kSocket);
}

TEST_F(HostToGuestTest, DeliversPacketsInOrder) {
  for (int i = 0; i < 3; ++i) offer_buffer(4096);
  sockets_.send(packet_with("one"));
  sockets_.send(packet_with(""));
  sockets_.send(packet_with("three"));
  EXPECT_EQ(move(), Wait::kSocket);
  EXPECT_EQ(received(), packet_with("one"));
  EXPECT_EQ(received(), packet_with(""));
  EXPECT_EQ(received(), packet_with("three"));
}

TEST_F(HostToGuestTest, KeepsAPacketUntilThereIsABuffer) {
  sockets_.send(packet_with("early"));
  EXPECT_EQ(move(), Wait::kKick);
  offer_buffer(4096);
  EXPECT_EQ(move(), Wait::kSocket);
  EXPECT_EQ(received(), packet_with("early"));
}

TEST_F(HostToGuestTest, KeepsAPacketOverARestart) {
  sockets_.send(packet_with("before"));
  EXPECT_EQ(move(), Wait::kKick);
  restart();
  offer_buffer(4096);
  move();
  EXPECT_EQ(received(), packet_with("before"));
  EXPECT_EQ(received(), "");
}

TEST_F(HostToGuestTest, ForgetsThePacketInHandWhenToldTo) {
  sockets_.send(packet_with("old"));
  EXPECT_EQ(move(), Wait::kKick);
  direction_.forget();
  offer_buffer(4096);
  EXPECT_EQ(move(), Wait::kSocket);
  EXPECT_EQ(received(), "");
}

TEST_F(HostToGuestTest, SplitsAPacketOverSmallBuffersAndARestart) {
  const std::string payload = "0123456789abcdef!";
  sockets_.send(packet_with(payload));
  offer_buffer(8);
  EXPECT_EQ(move(), Wait::kKick);
  restart();
  offer_buffer(8);
  offer_buffer(8);
  EXPECT_EQ(move(), Wait::kSocket);
  EXPECT_EQ(received(), packet_with("01234567"));
  EXPECT_EQ(received(), packet_with("89abcdef"));
  EXPECT_EQ(received(), packet_with("!"));
}

TEST_F(HostToGuestTest, DeliversTheLargestPacket) {
  offer_buffer(kMaxPayload);
  std::string payload(kMaxPayload, 'x');
  payload.back() = 'y';
  sockets_.send(packet_with(payload));
  move();
  EXPECT_EQ(received(), packet_with(payload));
}

TEST_F(HostToGuestTest, NeedsNoRoomForPayloadThatIsNotThere) {
  const std::uint64_t header = guest_.allocate(44);
  driver_.offer({{header, 44, true}});
  sockets_.send(packet_with(""));
  EXPECT_EQ(move(), Wait::kSocket);
  EXPECT_EQ(guest_.view(header, 44), packet_with(""));
}

TEST_F(HostToGuestTest, MovesABoundedNumberAtATime) {
  for (int i = 0; i < 30; ++i) offer_buffer(16);
  for (int i = 0; i < 30; ++i) sockets_.send(packet_with(std::to_string(i)));
  EXPECT_EQ(move(), Wait::kNothing);
  EXPECT_EQ(move(), Wait::kSocket);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(received(), packet_with(std::to_string(i)));
}

TEST_F(HostToGuestTest, EndsWhenTheWorkerIsGone) {
  offer_buffer(16);
  sockets_.send(packet_with("last"));
  sockets_.worker = OwnedFd();
  EXPECT_EQ(move(), Wait::kForever);
  EXPECT_EQ(received(), packet_with("last"));
  EXPECT_EQ(ring_->defect(), nullptr);
}

TEST_F(HostToGuestTest, BreaksOnABufferTooSmallForAnyPayload) {
  driver_.offer({{guest_.allocate(44), 44, true}});
  sockets_.send(packet_with("x"));
  EXPECT_EQ(move(), Wait::kForever);
  EXPECT_STREQ(ring_->defect(), "a receive buffer too small for a packet");
}

TEST_F(HostToGuestTest, BreaksOnABufferTooSmallForAHeader) {
  driver_.offer({{guest_.allocate(44), 43, true}});
  sockets_.send(packet_with(""));
  EXPECT_EQ(move(), Wait::kForever);
  EXPECT_STREQ(ring_->defect(), "a receive buffer too small for a packet");
}

TEST_F(HostToGuestTest, BreaksOnABufferThatIsNotWritable) {
  driver_.offer({{guest_.allocate(44), 44, false}, {guest_.allocate(64), 64, true}});
  sockets_.send(packet_with(""));
  EXPECT_EQ(move(), Wait::kForever);
  EXPECT_STREQ(ring_->defect(), "a receive buffer with readable parts");
}

using HostToGuestDeathTest = HostToGuestTest;

TEST_F(HostToGuestDeathTest, EndsQemuOnAMessageThatIsNoPacket) {
  sockets_.send("short");
  EXPECT_EXIT(move(), ::testing::ExitedWithCode(kFatalExit), "packet of 5 bytes");
}

TEST_F(HostToGuestDeathTest, EndsQemuOnAHeaderThatLies) {
  sockets_.send(bytes_of(header_for(4)) + "12345");
  EXPECT_EXIT(move(), ::testing::ExitedWithCode(kFatalExit), "whose header says 4 bytes");
}

class GuestToHostTest : public DirectionTest {
 protected:
  /// The guest sends a packet, header and payload apart as Linux 6.1 does.
  void transmit(std::string_view payload) {
    const std::string header = bytes_of(header_for(static_cast<std::uint32_t>(payload.size())));
    std::vector<FakeDriver::Buffer> buffers = {{guest_.put(header), 44, false}};
    if (!payload.empty()) buffers.push_back({guest_.put(payload), static_cast<std::uint32_t>(payload.size()), false});
    driver_.offer(buffers);
  }
  void transmit_raw(std::string_view bytes) {
    driver_.offer({{guest_.put(bytes), static_cast<std::uint32_t>(bytes.size()), false}});
  }
  Wait move() { return direction_.move(*ring_); }
  void expect_broken(const char* why) {
    EXPECT_EQ(move(), Wait::kForever);
    EXPECT_STREQ(ring_->defect(), why);
    EXPECT_EQ(sockets_.receive(), "");
    EXPECT_EQ(driver_.used_index(), 0);
  }

  GuestToHost direction_{socket_};
};

TEST_F(GuestToHostTest, WaitsForAPacket) { EXPECT_EQ(move(), Wait::kKick); }

TEST_F(GuestToHostTest, DeliversPacketsInOrder) {
  transmit("one");
  transmit("");
  transmit("three");
  EXPECT_EQ(move(), Wait::kKick);
  EXPECT_EQ(sockets_.receive(), packet_with("one"));
  EXPECT_EQ(sockets_.receive(), packet_with(""));
  EXPECT_EQ(sockets_.receive(), packet_with("three"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(driver_.reclaim());
}

TEST_F(GuestToHostTest, TakesAPacketInOnePieceOrInMany) {
  const std::string packet = packet_with("pieces");
  transmit_raw(packet);
  std::vector<FakeDriver::Buffer> bytes;
  for (const char& byte : packet) bytes.push_back({guest_.put({&byte, 1}), 1, false});
  driver_.offer(bytes);
  move();
  EXPECT_EQ(sockets_.receive(), packet);
  EXPECT_EQ(sockets_.receive(), packet);
}

TEST_F(GuestToHostTest, DeliversTheLargestPacket) {
  const std::string payload(kMaxPayload, 'p');
  transmit(payload);
  move();
  EXPECT_EQ(sockets_.receive(), packet_with(payload));
}

TEST_F(GuestToHostTest, LeavesOutWhatIsBehindThePayload) {
  transmit_raw(packet_with("kept") + "padding");
  move();
  EXPECT_EQ(sockets_.receive(), packet_with("kept"));
}

// Neither lost nor sent twice: a packet is the guest's until the socket has it.
TEST_F(GuestToHostTest, LeavesAPacketInTheRingWhileTheSocketIsFull) {
  const std::string filler(20000, 'f');
  std::size_t transmitted = 0;
  Wait wait = Wait::kKick;
  while (wait == Wait::kKick) {
    transmit(filler);
    ++transmitted;
    wait = move();
  }
  EXPECT_EQ(wait, Wait::kSocket);
  EXPECT_EQ(driver_.used_index(), transmitted - 1);
  EXPECT_EQ(ring_->position(), transmitted - 1);

  restart();
  std::size_t arrived = 0;
  for (; !sockets_.receive().empty(); move()) ++arrived;
  EXPECT_EQ(arrived, transmitted);
  EXPECT_EQ(driver_.used_index(), transmitted);
}

TEST_F(GuestToHostTest, EndsWhenTheWorkerIsGone) {
  sockets_.worker = OwnedFd();
  transmit("nobody");
  EXPECT_EQ(move(), Wait::kForever);
  EXPECT_EQ(driver_.used_index(), 0);
  EXPECT_EQ(ring_->defect(), nullptr);
}

TEST_F(GuestToHostTest, BreaksOnAPacketShorterThanItsHeader) {
  transmit_raw(packet_with("").substr(0, 43));
  expect_broken("a packet shorter than its header");
}

TEST_F(GuestToHostTest, BreaksOnAPacketWithoutBytes) {
  driver_.offer({{0, 0, false}});
  expect_broken("a packet shorter than its header");
}

TEST_F(GuestToHostTest, BreaksOnAPacketShorterThanItsHeaderSays) {
  transmit_raw(bytes_of(header_for(6)) + "12345");
  expect_broken("a packet shorter than its header says");
}

TEST_F(GuestToHostTest, BreaksOnALengthThatIsTooLarge) {
  transmit_raw(bytes_of(header_for(kMaxPayload + 1)) + std::string(kMaxPayload + 1, 'x'));
  expect_broken("a packet of more than 64 KiB");
}

TEST_F(GuestToHostTest, BreaksOnTheLargestLength) {
  transmit_raw(bytes_of(header_for(UINT32_MAX)));
  expect_broken("a packet of more than 64 KiB");
}

TEST_F(GuestToHostTest, BreaksOnWritableParts) {
  driver_.offer({{guest_.put(packet_with("")), 44, false}, {guest_.allocate(8), 8, true}});
  expect_broken("a packet with writable parts");
}

}  // namespace
}  // namespace snaphammer::interposer
