#include "lib/interposer/testing/hostile_guest.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "lib/interposer/direction.h"
#include "lib/interposer/testing/fake_driver.h"
#include "lib/interposer/testing/packets.h"

namespace snaphammer::interposer::testing {
namespace {

// Two batches of packets and the ring's size are more than any honest run of these needs.
constexpr int kMaxMoves = 64;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "hostile guest: %s\n", what);
  std::abort();
}

std::size_t drive(Direction& direction, const VringSetup& setup, const FakeGuest& guest) {
  if (Vring::check(setup, guest.memory()) != nullptr) return 0;
  Vring ring(setup, guest.memory(), DirtyLog());
  ring.start();
  for (int i = 0; i < kMaxMoves; ++i) {
    const Wait wait = direction.move(ring);
    ring.take_need_to_signal();
    if (wait == Wait::kKick) ring.enable_kicks();
    if (wait == Wait::kKick) ring.disable_kicks();
    if (wait == Wait::kForever) require(ring.defect() != nullptr, "it stopped without a reason");
    if (wait == Wait::kForever || wait == Wait::kSocket) break;
  }
  return static_cast<std::uint16_t>(ring.position() - setup.position);
}

void expect_whole_packets(const SocketPair& sockets) {
  for (std::string packet = sockets.receive(); !packet.empty(); packet = sockets.receive()) {
    require(packet.size() >= sizeof(PacketHeader) && packet.size() <= kMaxPacket, "it sent what is no packet");
    require(length_in(packet) == packet.size() - sizeof(PacketHeader), "it sent a packet with a wrong length");
  }
}

}  // namespace

HostileGuest decode_hostile_guest(std::span<const std::uint8_t> bytes) {
  std::size_t at = 0;
  const auto byte = [&]() -> unsigned { return at < bytes.size() ? bytes[at++] : 0; };
  const auto word = [&] { return static_cast<std::uint16_t>(byte() << 8 | byte()); };
  HostileGuest guest;
  const unsigned features = byte();
  if ((features & 1) != 0) guest.features |= kFeatureEventIndex;
  if ((features & 2) != 0) guest.features |= kFeatureIndirect;
  if ((features & 4) != 0) guest.features |= kFeatureNotifyOnEmpty;
  guest.size = static_cast<std::uint16_t>(1U << (byte() % 9));
  guest.position = word();
  guest.descriptors = word();
  guest.available = word();
  guest.used = word();
  for (unsigned i = byte() % 4; i > 0; --i) guest.packets.push_back(word());
  guest.memory.resize(HostileGuest::kMemory);
  const std::span<const std::uint8_t> image = bytes.subspan(std::min(at, bytes.size()));
  for (std::size_t i = 0; !image.empty() && i < guest.memory.size(); ++i)
    guest.memory[i] = std::byte{image[i % image.size()]};
  return guest;
}

std::size_t play(const HostileGuest& hostile) {
  FakeGuest guest({{0, HostileGuest::kFirstSize},
                   {HostileGuest::kFirstSize, HostileGuest::kSecondSize},
                   {HostileGuest::kLast, HostileGuest::kLastSize}});
  const auto fill = [&] {
    const std::byte* from = hostile.memory.data();
    for (const GuestRegion& region : guest.regions()) {
      std::memcpy(region.host, from, region.size);
      from += region.size;
    }
  };
  std::byte* base = guest.regions().front().host;
  VringSetup setup;
  setup.size = hostile.size;
  setup.descriptors = base + hostile.descriptors % HostileGuest::kFirstSize / 16 * 16;
  setup.available = base + hostile.available % HostileGuest::kFirstSize / 2 * 2;
  setup.used = base + hostile.used % HostileGuest::kFirstSize / 4 * 4;
  setup.position = hostile.position;
  setup.features = hostile.features;

  // Made once: a fuzzer that opened sockets for each guest would do little else.
  static const SocketPair sockets;
  PacketSocket socket(sockets.device.get());
  fill();
  GuestToHost to_host(socket);
  std::size_t moved = drive(to_host, setup, guest);
  expect_whole_packets(sockets);

  for (const std::uint16_t length : hostile.packets) sockets.send(packet_with(std::string(length, 'h')));
  fill();
  HostToGuest to_guest(socket);
  moved += drive(to_guest, setup, guest);
  // What the guest left is not for the next one.
  char rest = 0;
  while (::recv(sockets.device.get(), &rest, sizeof rest, MSG_DONTWAIT) >= 0) continue;
  return moved;
}

}  // namespace snaphammer::interposer::testing
