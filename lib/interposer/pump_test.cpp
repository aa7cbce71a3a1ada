#include "lib/interposer/pump.h"

#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "lib/interposer/testing/fake_driver.h"
#include "lib/interposer/testing/packets.h"

namespace snaphammer::interposer {
namespace {

using testing::FakeDriver;
using testing::FakeGuest;
using testing::packet_with;

/// An eventfd between the guest and the pump.
class Event {
 public:
  Event() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  int fd() const { return fd_.get(); }
  OwnedFd share() const { return OwnedFd::duplicate_of(fd_.get()); }
  void raise() const { ::eventfd_write(fd_.get(), 1); }
  /// Waits until it is raised, and lowers it. False after a time in which it must have been.
  bool await() const {
    pollfd event = {fd_.get(), POLLIN, 0};
    if (::poll(&event, 1, 20'000) != 1) return false;
    eventfd_t count = 0;
    return ::eventfd_read(fd_.get(), &count) == 0;
  }
  bool is_raised() const {
    pollfd event = {fd_.get(), POLLIN, 0};
    return ::poll(&event, 1, 0) == 1;
  }

 private:
  OwnedFd fd_;
};

/// Counts how often the pump tries to move something.
class Counted final : public Direction {
 public:
  explicit Counted(Direction& direction) : direction_(direction) {}
  Wait move(Vring& ring) override {
    ++moves;
    return direction_.move(ring);
  }
  const char* name() const override { return direction_.name(); }
  short socket_events() const override { return direction_.socket_events(); }

  std::atomic<int> moves = 0;

 private:
  Direction& direction_;
};

class PumpTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::uint32_t kBuffer = 256;

  FakeGuest guest_{{{0, 0x200000}}};
  testing::SocketPair sockets_;
  PacketSocket socket_{sockets_.device.get()};
  Event kick_;
  Event call_;
  Event error_;
};

class GuestToHostPump : public PumpTest {
 protected:
  ~GuestToHostPump() override { pump_.stop(); }
  void SetUp() override {
    pump_.call().set(call_.share());
    pump_.error().set(error_.share());
    for (int i = 0; i < 16; ++i) buffers_.push_back(guest_.allocate(sizeof(PacketHeader) + 16));
    start();
  }
  void start() {
    VringSetup setup = driver_.setup();
    setup.position = position_;
    pump_.start(setup, guest_.memory(), DirtyLog(), kick_.fd());
  }
  void stop() {
    pump_.stop();
    position_ = pump_.position();
  }
  /// Puts a packet into the ring; first waits for a free descriptor, as a driver does.
  void transmit(int number) {
    while (driver_.free_descriptors() == 0) {
      while (driver_.reclaim()) continue;
      if (driver_.free_descriptors() > 0 || driver_.enable_interrupts()) continue;
      ASSERT_TRUE(call_.await()) << "no interrupt while the ring is full, at packet " << number;
    }
    driver_.disable_interrupts();
    const std::string packet = packet_with(std::to_string(number));
    const std::uint64_t buffer = buffers_[static_cast<std::size_t>(number) % buffers_.size()];
    std::memcpy(guest_.host(buffer), packet.data(), packet.size());
    driver_.offer({{buffer, static_cast<std::uint32_t>(packet.size()), false}});
    if (driver_.must_kick()) kick_.raise();
  }
  std::string await_packet() const {
    pollfd event = {sockets_.worker.get(), POLLIN, 0};
    return ::poll(&event, 1, 20'000) == 1 ? sockets_.receive() : "(nothing)";
  }

  std::uint16_t position_ = 65000;
  FakeDriver driver_{guest_, {.size = 16, .features = GetParam(), .first_index = 65000}};
  std::vector<std::uint64_t> buffers_;
  GuestToHost direction_{socket_};
  Counted counted_{direction_};
  Pump pump_{"test-tx", counted_, sockets_.device.get()};
};
INSTANTIATE_TEST_SUITE_P(All, GuestToHostPump, ::testing::Values(0, kFeatureEventIndex));

TEST_P(GuestToHostPump, MovesWhatIsKicked) {
  for (int i = 0; i < 2000; ++i) {  // Past the wrap of the indices.
    transmit(i);
    ASSERT_EQ(await_packet(), packet_with(std::to_string(i)));
  }
}

TEST_P(GuestToHostPump, MovesAStreamThroughFullRingsAndAFullSocket) {
  constexpr int kPackets = 5000;
  std::thread worker([&] {
    for (int i = 0; i < kPackets; ++i) ASSERT_EQ(await_packet(), packet_with(std::to_string(i)));
  });
  for (int i = 0; i < kPackets; ++i) transmit(i);
  worker.join();
}

TEST_P(GuestToHostPump, LosesAndRepeatsNothingOverRestarts) {
  constexpr int kPackets = 1000;
  std::thread worker([&] {
    for (int i = 0; i < kPackets; ++i) ASSERT_EQ(await_packet(), packet_with(std::to_string(i)));
  });
  for (int i = 0; i < kPackets; ++i) {
    transmit(i);
    if (i % 7 == 0) {
      stop();
      start();
    }
  }
  worker.join();
  EXPECT_EQ(sockets_.receive(), "");
}

TEST_P(GuestToHostPump, TouchesNothingAfterAStop) {
  transmit(0);
  EXPECT_EQ(await_packet(), packet_with("0"));
  stop();
  EXPECT_EQ(position_, 65001);
  const std::uint16_t used = driver_.used_index();
  const int moves = counted_.moves;
  transmit(1);
  kick_.raise();
  EXPECT_EQ(driver_.used_index(), used);
  EXPECT_EQ(counted_.moves, moves);
  start();
  EXPECT_EQ(await_packet(), packet_with("1"));
}

TEST_P(GuestToHostPump, WaitsWithoutTurningWhileTheSocketIsFull) {
  int transmitted = 0;
  // The ring stays full only when the socket is too.
  for (;;) {
    while (driver_.reclaim()) continue;
    if (driver_.free_descriptors() > 0) {
      transmit(transmitted++);
      continue;
    }
    driver_.enable_interrupts();
    pollfd event = {sockets_.device.get(), POLLOUT, 0};
    if (::poll(&event, 1, 0) == 0 && !driver_.reclaim() && driver_.free_descriptors() == 0) break;
  }
  const int moves = counted_.moves;
  for (int i = 0; i < 50; ++i) kick_.raise();  // Not what it waits for.
  for (int i = 0; i < transmitted; ++i) ASSERT_EQ(await_packet(), packet_with(std::to_string(i)));
  // A pump that polled in a loop would have tried thousands of times meanwhile.
  EXPECT_LT(counted_.moves - moves, transmitted + 50);
}

TEST_P(GuestToHostPump, TurnsOncePerKickWhenThereIsNothing) {
  transmit(0);
  EXPECT_EQ(await_packet(), packet_with("0"));
  for (int i = 1; i <= 100; ++i) {
    const int before = counted_.moves;
    kick_.raise();
    while (counted_.moves == before) std::this_thread::yield();
  }
  EXPECT_LT(counted_.moves, 2 * 100 + 10);
}

TEST_P(GuestToHostPump, SaysThatTheGuestBrokeTheRing) {
  driver_.make_available(16);
  kick_.raise();
  EXPECT_TRUE(error_.await());
  kick_.raise();
  stop();
  EXPECT_TRUE(pump_.is_broken());
  EXPECT_EQ(position_, 65000);
  EXPECT_FALSE(error_.is_raised());
}

TEST_P(GuestToHostPump, InterruptsThroughTheEventThatIsSetNow) {
  driver_.enable_interrupts();
  transmit(0);
  driver_.enable_interrupts();
  EXPECT_EQ(await_packet(), packet_with("0"));
  const Event other;
  pump_.call().set(other.share());
  while (driver_.reclaim()) continue;
  driver_.enable_interrupts();
  stop();
  start();  // The first completion after a start always interrupts.
  driver_.offer({{buffers_[0], 45, false}});
  if (driver_.must_kick()) kick_.raise();
  EXPECT_TRUE(other.await());
}

TEST_P(GuestToHostPump, StopsWhileItWaits) {
  for (int i = 0; i < 50; ++i) {
    stop();
    stop();
    start();
  }
}

class HostToGuestPump : public PumpTest {
 protected:
  ~HostToGuestPump() override { pump_.stop(); }
  void SetUp() override {
    pump_.call().set(call_.share());
    start();
  }
  void start() {
    VringSetup setup = driver_.setup();
    setup.position = position_;
    pump_.start(setup, guest_.memory(), DirtyLog(), kick_.fd());
  }
  void offer_buffer() {
    if (spare_.empty()) spare_.push_back(guest_.allocate(kBuffer));
    const std::uint64_t buffer = spare_.back();
    spare_.pop_back();
    offered_[driver_.offer({{buffer, kBuffer, true}})] = buffer;
    if (driver_.must_kick()) kick_.raise();
  }
  /// Waits for the next packet and gives its buffer back.
  std::string await_packet() {
    std::optional<FakeDriver::Used> used = driver_.reclaim();
    while (!used) {
      if (!driver_.enable_interrupts() && !call_.await()) return "(nothing)";
      used = driver_.reclaim();
    }
    driver_.disable_interrupts();
    const std::uint64_t buffer = offered_[used->head];
    std::string packet(guest_.view(buffer, used->written));
    spare_.push_back(buffer);
    return packet;
  }

  std::uint16_t position_ = 65500;
  FakeDriver driver_{guest_, {.size = 16, .features = GetParam(), .first_index = 65500}};
  std::vector<std::uint64_t> spare_;
  std::map<std::uint16_t, std::uint64_t> offered_;
  HostToGuest direction_{socket_};
  Pump pump_{"test-rx", direction_, sockets_.device.get()};
};
INSTANTIATE_TEST_SUITE_P(All, HostToGuestPump, ::testing::Values(0, kFeatureEventIndex));

TEST_P(HostToGuestPump, MovesAStreamAsBuffersComeAndGo) {
  constexpr int kPackets = 5000;
  std::thread worker([&] {
    for (int i = 0; i < kPackets; ++i) sockets_.send(packet_with(std::to_string(i)));
  });
  for (int i = 0; i < 12; ++i) offer_buffer();
  for (int i = 0; i < kPackets; ++i) {
    ASSERT_EQ(await_packet(), packet_with(std::to_string(i)));
    offer_buffer();
  }
  worker.join();
}

TEST_P(HostToGuestPump, WantsNoKicksWhileItWaitsForAPacket) {
  sockets_.send(packet_with("before any buffer"));
  offer_buffer();
  offer_buffer();
  kick_.raise();
  EXPECT_EQ(await_packet(), packet_with("before any buffer"));
  driver_.offer({{guest_.allocate(kBuffer), kBuffer, true}});
  EXPECT_FALSE(driver_.must_kick());
}

TEST_P(HostToGuestPump, LosesAndRepeatsNothingOverRestarts) {
  constexpr int kPackets = 1000;
  std::thread worker([&] {
    for (int i = 0; i < kPackets; ++i) sockets_.send(packet_with(std::to_string(i)));
  });
  for (int i = 0; i < kPackets; ++i) {
    offer_buffer();
    if (i % 5 == 0) {
      pump_.stop();
      position_ = pump_.position();
      start();
    }
    ASSERT_EQ(await_packet(), packet_with(std::to_string(i)));
  }
  worker.join();
}

}  // namespace
}  // namespace snaphammer::interposer
