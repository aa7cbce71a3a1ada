#include "lib/interposer/vsock_device.h"

#include <cerrno>
#include <cstring>
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

constexpr std::uint64_t kAcked = kFeatureVersion1 | kFeatureEventIndex | kFeatureIndirect;

// A device, the calls that QEMU makes on it in QEMU's order, and a guest with both queues.
class VsockDeviceTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kReceive = 0;
  static constexpr std::uint32_t kTransmit = 1;

  int call(std::uint32_t request, auto value) { return device_.handle(request, &value); }
  int own() { return device_.handle(VHOST_SET_OWNER, nullptr); }

  int set_memory(const std::vector<GuestRegion>& regions) {
    std::vector<std::uint64_t> table(1 + 4 * regions.size());
    auto* header = reinterpret_cast<vhost_memory*>(table.data());
    header->nregions = static_cast<std::uint32_t>(regions.size());
    for (std::size_t i = 0; i < regions.size(); ++i) {
      header->regions[i] = {regions[i].address, regions[i].size, reinterpret_cast<std::uintptr_t>(regions[i].host), 0};
    }
    return device_.handle(VHOST_SET_MEM_TABLE, header);
  }

  int set_address(std::uint32_t queue, const VringSetup& setup, unsigned flags = 0) {
    vhost_vring_addr address = {};
    address.index = queue;
    address.flags = flags;
    address.desc_user_addr = reinterpret_cast<std::uintptr_t>(setup.descriptors);
    address.avail_user_addr = reinterpret_cast<std::uintptr_t>(setup.available);
    address.used_user_addr = reinterpret_cast<std::uintptr_t>(setup.used);
    address.log_guest_addr = setup.used_guest_address;
    return call(VHOST_SET_VRING_ADDR, address);
  }

  void set_queue(std::uint32_t queue, const FakeDriver& driver, std::uint32_t base) {
    EXPECT_EQ(call(VHOST_SET_VRING_NUM, vhost_vring_state{queue, driver.setup().size}), 0);
    EXPECT_EQ(call(VHOST_SET_VRING_BASE, vhost_vring_state{queue, base}), 0);
    EXPECT_EQ(set_address(queue, driver.setup()), 0);
    set_event(VHOST_SET_VRING_KICK, queue, kicks_[queue]);
    set_event(VHOST_SET_VRING_CALL, queue, calls_[queue]);
  }

  // QEMU's descriptor is closed at once: the device must hold the file.
  void set_event(std::uint32_t request, std::uint32_t queue, const OwnedFd& event) {
    const OwnedFd passing = OwnedFd::duplicate_of(event.get());
    EXPECT_EQ(call(request, vhost_vring_file{queue, passing.get()}), 0);
  }

  int run(bool running) { return call(VHOST_VSOCK_SET_RUNNING, int{running}); }

  void start(std::uint32_t receive_base = 0, std::uint32_t transmit_base = 0) {
    EXPECT_EQ(call(VHOST_SET_FEATURES, kAcked), 0);
    EXPECT_EQ(set_memory(guest_.regions()), 0);
    set_queue(kReceive, receive_, receive_base);
    set_queue(kTransmit, transmit_, transmit_base);
    EXPECT_EQ(run(true), 0);
  }
  void boot() {
    EXPECT_EQ(own(), 0);
    EXPECT_EQ(call(VHOST_VSOCK_SET_GUEST_CID, std::uint64_t{3}), 0);
    start();
  }

  std::uint32_t base_of(std::uint32_t queue) {
    vhost_vring_state state = {queue, 0};
    EXPECT_EQ(device_.handle(VHOST_GET_VRING_BASE, &state), 0);
    EXPECT_EQ(state.index, queue);
    return state.num;
  }

  void guest_sends(std::string_view payload) {
    const std::string packet = packet_with(payload);
    transmit_.offer_indirect({{guest_.put(packet.substr(0, 44)), 44, false},
                              {guest_.put(packet.substr(44)), static_cast<std::uint32_t>(payload.size()), false}});
    if (transmit_.must_kick()) ::eventfd_write(kicks_[kTransmit].get(), 1);
  }
  std::string host_receives() {
    pollfd event = {sockets_.worker.get(), POLLIN, 0};
    return ::poll(&event, 1, 20'000) == 1 ? sockets_.receive() : "(nothing)";
  }
  std::uint64_t offer_buffer() {
    const std::uint64_t buffer = guest_.allocate(256);
    receive_.offer({{buffer, 256, true}});
    if (receive_.must_kick()) ::eventfd_write(kicks_[kReceive].get(), 1);
    return buffer;
  }
  void await_interrupt(std::uint32_t queue) {
    pollfd event = {calls_[queue].get(), POLLIN, 0};
    ASSERT_EQ(::poll(&event, 1, 20'000), 1);
    eventfd_t ignored = 0;
    ::eventfd_read(calls_[queue].get(), &ignored);
  }

  /// Waits for a packet in `buffer`, the only one that was offered.
  std::string guest_receives(std::uint64_t buffer) {
    await_interrupt(kReceive);
    const std::optional<FakeDriver::Used> used = receive_.reclaim();
    return used ? std::string(guest_.view(buffer, used->written)) : "(an interrupt for nothing)";
  }

  static OwnedFd new_event() { return OwnedFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

  FakeGuest guest_{{{0, 0x80000}, {0x100000, 0x1000}}};
  FakeDriver receive_{guest_, {.size = 128, .features = kAcked}};
  FakeDriver transmit_{guest_, {.size = 128, .features = kAcked}};
  OwnedFd kicks_[2] = {new_event(), new_event()};
  OwnedFd calls_[2] = {new_event(), new_event()};
  testing::SocketPair sockets_;
  VsockDevice device_{sockets_.device.get()};
};

TEST_F(VsockDeviceTest, OffersWhatAMigratableDeviceNeeds) {
  std::uint64_t features = 0;
  EXPECT_EQ(device_.handle(VHOST_GET_FEATURES, &features), 0);
  EXPECT_EQ(features & kFeatureVersion1, kFeatureVersion1);
  EXPECT_EQ(features & kFeatureLogAll, kFeatureLogAll);
  EXPECT_EQ(device_.handle(VHOST_GET_BACKEND_FEATURES, &features), 0);
  EXPECT_EQ(features, 0U);
}

TEST_F(VsockDeviceTest, BelongsToOneOwner) {
  EXPECT_EQ(set_memory({}), EPERM);
  EXPECT_EQ(call(VHOST_SET_VRING_CALL, vhost_vring_file{0, -1}), EPERM);
  EXPECT_EQ(own(), 0);
  EXPECT_EQ(own(), EBUSY);
  EXPECT_EQ(device_.handle(VHOST_RESET_OWNER, nullptr), 0);
  EXPECT_EQ(set_memory({}), EPERM);
  EXPECT_EQ(own(), 0);
}

TEST_F(VsockDeviceTest, RefusesWhatTheKernelWouldRefuse) {
  own();
  EXPECT_EQ(call(VHOST_SET_FEATURES, std::uint64_t{1} << 33), EOPNOTSUPP);
  EXPECT_EQ(call(VHOST_SET_BACKEND_FEATURES, std::uint64_t{2}), EOPNOTSUPP);
  EXPECT_EQ(call(VHOST_VSOCK_SET_GUEST_CID, std::uint64_t{2}), EINVAL);
  EXPECT_EQ(call(VHOST_VSOCK_SET_GUEST_CID, std::uint64_t{1} << 32), EINVAL);
  EXPECT_EQ(call(VHOST_SET_VRING_NUM, vhost_vring_state{2, 128}), ENOBUFS);
  EXPECT_EQ(call(VHOST_SET_VRING_NUM, vhost_vring_state{0, 100}), EINVAL);
  EXPECT_EQ(call(VHOST_SET_VRING_NUM, vhost_vring_state{0, 65536}), EINVAL);
  EXPECT_EQ(call(VHOST_SET_VRING_BASE, vhost_vring_state{0, 65536}), EINVAL);
  EXPECT_EQ(call(VHOST_SET_VRING_CALL, vhost_vring_file{2, -1}), ENOBUFS);
  EXPECT_EQ(call(VHOST_SET_VRING_KICK, vhost_vring_file{0, 9999}), EBADF);
  EXPECT_EQ(set_address(2, {}), ENOBUFS);
  EXPECT_EQ(set_address(0, {}, 2), EOPNOTSUPP);
  EXPECT_EQ(set_memory({{0, 0, guest_.regions()[0].host}}), EFAULT);
  EXPECT_EQ(set_memory(std::vector<GuestRegion>(513, guest_.regions()[0])), E2BIG);
  EXPECT_EQ(device_.handle(VHOST_SET_FEATURES, nullptr), EFAULT);
  EXPECT_EQ(call(VHOST_GET_VRING_ENDIAN, vhost_vring_state{0, 0}), ENOTTY);
  EXPECT_EQ(device_.handle(_IO(VHOST_VIRTIO, 0x70), nullptr), ENOTTY);
}

TEST_F(VsockDeviceTest, RunsOnlyWithWholeQueues) {
  own();
  EXPECT_EQ(run(true), EFAULT);
  call(VHOST_SET_FEATURES, kAcked);
  set_memory(guest_.regions());
  set_queue(kReceive, receive_, 0);
  EXPECT_EQ(run(true), EFAULT);
  set_queue(kTransmit, transmit_, 0);
  EXPECT_EQ(run(true), 0);
  EXPECT_EQ(run(true), 0);
}

TEST_F(VsockDeviceTest, MovesPacketsBothWaysAndInterrupts) {
  boot();
  guest_sends("request");
  EXPECT_EQ(host_receives(), packet_with("request"));
  await_interrupt(kTransmit);
  const std::uint64_t buffer = offer_buffer();
  sockets_.send(packet_with("response"));
  EXPECT_EQ(guest_receives(buffer), packet_with("response"));
}

TEST_F(VsockDeviceTest, MovesWhatWasThereBeforeItRan) {
  guest_sends("early");
  const std::uint64_t buffer = offer_buffer();
  sockets_.send(packet_with("early too"));
  boot();
  EXPECT_EQ(host_receives(), packet_with("early"));
  EXPECT_EQ(guest_receives(buffer), packet_with("early too"));
}

TEST_F(VsockDeviceTest, RefusesToMoveQueuesThatRun) {
  boot();
  EXPECT_EQ(call(VHOST_SET_VRING_NUM, vhost_vring_state{0, 64}), EBUSY);
  EXPECT_EQ(call(VHOST_SET_VRING_BASE, vhost_vring_state{0, 0}), EBUSY);
  EXPECT_EQ(set_address(0, {}), EFAULT);
  EXPECT_EQ(set_memory({}), EFAULT);
  guest_sends("still there");
  EXPECT_EQ(host_receives(), packet_with("still there"));
}

TEST_F(VsockDeviceTest, StopsAndGoesOnWhereItWas) {
  boot();
  guest_sends("one");
  guest_sends("two");
  EXPECT_EQ(host_receives(), packet_with("one"));
  EXPECT_EQ(host_receives(), packet_with("two"));
  EXPECT_EQ(run(false), 0);
  EXPECT_EQ(base_of(kReceive), 0U);
  EXPECT_EQ(base_of(kTransmit), 2U);
  EXPECT_EQ(transmit_.used_index(), 2);

  guest_sends("three");
  EXPECT_EQ(transmit_.used_index(), 2);
  EXPECT_EQ(sockets_.receive(), "");
  start(0, 2);
  EXPECT_EQ(host_receives(), packet_with("three"));
}

TEST_F(VsockDeviceTest, ChangesWhatItWorksOnWhileItRuns) {
  boot();
  guest_sends("before");
  EXPECT_EQ(host_receives(), packet_with("before"));
  std::vector<GuestRegion> fewer = guest_.regions();
  fewer.pop_back();
  EXPECT_EQ(set_memory(fewer), 0);
  EXPECT_EQ(set_address(kTransmit, transmit_.setup()), 0);
  EXPECT_EQ(call(VHOST_SET_FEATURES, kAcked), 0);
  kicks_[kTransmit] = new_event();
  set_event(VHOST_SET_VRING_KICK, kTransmit, kicks_[kTransmit]);
  guest_sends("after");
  EXPECT_EQ(host_receives(), packet_with("after"));
  EXPECT_EQ(base_of(kTransmit), 2U);
}

TEST_F(VsockDeviceTest, LogsWhatItWritesWhileAMigrationAsksForIt) {
  boot();
  std::uint64_t log[(0x101000 / 4096 + 63) / 64] = {};
  EXPECT_EQ(call(VHOST_SET_LOG_FD, -1), 0);
  EXPECT_EQ(call(VHOST_SET_LOG_BASE, reinterpret_cast<std::uint64_t>(&log[0])), 0);
  EXPECT_EQ(set_address(kReceive, receive_.setup(), 1U << VHOST_VRING_F_LOG), 0);
  EXPECT_EQ(call(VHOST_SET_FEATURES, kAcked | kFeatureLogAll), 0);
  receive_.offer({{0x100000, 256, true}});
  ::eventfd_write(kicks_[kReceive].get(), 1);
  sockets_.send(packet_with("logged"));
  await_interrupt(kReceive);
  EXPECT_EQ(run(false), 0);
  EXPECT_EQ(log[0x100 / 64], 1ULL << (0x100 % 64));
  EXPECT_NE(log[0], 0U);

  // Without the feature nothing is logged, wherever the log is.
  EXPECT_EQ(call(VHOST_SET_FEATURES, kAcked), 0);
  std::memset(log, 0, sizeof log);
  EXPECT_EQ(run(true), 0);
  receive_.offer({{0x100000, 256, true}});
  ::eventfd_write(kicks_[kReceive].get(), 1);
  sockets_.send(packet_with("not logged"));
  await_interrupt(kReceive);
  EXPECT_EQ(run(false), 0);
  EXPECT_EQ(log[0] | log[0x100 / 64], 0U);
}

TEST_F(VsockDeviceTest, ABrokenQueueStaysStoppedUntilItGetsANewBase) {
  boot();
  const OwnedFd error = new_event();
  set_event(VHOST_SET_VRING_ERR, kTransmit, error);
  transmit_.publish_available_index(1000);
  ::eventfd_write(kicks_[kTransmit].get(), 1);
  pollfd event = {error.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&event, 1, 20'000), 1);

  // The other direction does not suffer.
  const std::uint64_t buffer = offer_buffer();
  sockets_.send(packet_with("fine"));
  EXPECT_EQ(guest_receives(buffer), packet_with("fine"));

  transmit_.publish_available_index(0);
  EXPECT_EQ(set_memory(guest_.regions()), 0);  // Stops and starts the queues.
  guest_sends("unheard");
  EXPECT_EQ(run(false), 0);
  EXPECT_EQ(base_of(kTransmit), 0U);
  EXPECT_EQ(sockets_.receive(), "");
  start(1, 0);
  EXPECT_EQ(host_receives(), packet_with("unheard"));
}

TEST_F(VsockDeviceTest, ForgetsEverythingWithItsOwner) {
  boot();
  guest_sends("counted");
  EXPECT_EQ(host_receives(), packet_with("counted"));
  sockets_.send(packet_with("for the guest before"));
  pollfd waiting = {sockets_.device.get(), POLLIN, 0};
  while (::poll(&waiting, 1, 0) == 1) std::this_thread::yield();  // Until it is in hand.
  EXPECT_EQ(device_.handle(VHOST_RESET_OWNER, nullptr), 0);
  EXPECT_EQ(own(), 0);
  EXPECT_EQ(run(true), EFAULT);
  EXPECT_EQ(base_of(kTransmit), 0U);

  start(0, 1);
  const std::uint64_t buffer = offer_buffer();
  sockets_.send(packet_with("for this guest"));
  EXPECT_EQ(guest_receives(buffer), packet_with("for this guest"));
}

}  // namespace
}  // namespace snaphammer::interposer
