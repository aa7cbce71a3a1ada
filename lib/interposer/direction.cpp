#include "lib/interposer/direction.h"

#include <algorithm>
#include <cstring>

#include <poll.h>

#include "lib/interposer/abi.h"
#include "lib/interposer/wire.h"

namespace snaphammer::interposer {

HostToGuest::HostToGuest(PacketSocket& socket) : socket_(socket), packet_(kMaxPacket) {}

short HostToGuest::socket_events() const { return POLLIN; }

Wait HostToGuest::move(Vring& ring) {
  for (int moved = 0; moved < kBatch; ++moved) {
    if (length_ == 0) {
      switch (socket_.receive(packet_, length_)) {
        case PacketSocket::Outcome::kDone:
          sent_ = 0;
          break;
        case PacketSocket::Outcome::kWouldBlock:
          return Wait::kSocket;
        case PacketSocket::Outcome::kClosed:
          return Wait::kForever;
      }
    }
    switch (ring.next(chain_)) {
      case Vring::Next::kEmpty:
        return Wait::kKick;
      case Vring::Next::kBroken:
        return Wait::kForever;
      case Vring::Next::kChain:
        break;
    }
    if (const char* defect = deliver(ring)) {
      ring.break_off(defect);
      return Wait::kForever;
    }
  }
  return Wait::kNothing;
}

// Puts the packet, or what is left of it, into the chain. The guest gets as much payload as its
// buffer holds, under a header that says just that; the rest waits for the next buffer.
const char* HostToGuest::deliver(Vring& ring) {
  PacketHeader header;
  std::memcpy(&header, packet_.data(), sizeof header);
  const std::size_t left = header.len - sent_;

  if (chain_.readable_bytes() > 0) return "a receive buffer with readable parts";
  if (chain_.writable_bytes() < sizeof header + (left > 0 ? 1 : 0)) return "a receive buffer too small for a packet";
  const std::size_t part = std::min<std::uint64_t>(left, chain_.writable_bytes() - sizeof header);

  header.len = static_cast<std::uint32_t>(part);
  ring.scatter(chain_.writable(), 0, std::as_bytes(std::span(&header, 1)));
  ring.scatter(chain_.writable(), sizeof header, std::span(packet_).subspan(sizeof header + sent_, part));
  ring.complete(chain_, static_cast<std::uint32_t>(sizeof header + part));
  sent_ += part;
  if (part == left) length_ = 0;
  return nullptr;
}

GuestToHost::GuestToHost(PacketSocket& socket) : socket_(socket), packet_(kMaxPacket) {}

short GuestToHost::socket_events() const { return POLLOUT; }

Wait GuestToHost::move(Vring& ring) {
  for (int moved = 0; moved < kBatch; ++moved) {
    switch (ring.next(chain_)) {
      case Vring::Next::kEmpty:
        return Wait::kKick;
      case Vring::Next::kBroken:
        return Wait::kForever;
      case Vring::Next::kChain:
        break;
    }
    if (const char* defect = fetch(ring)) {
      ring.break_off(defect);
      return Wait::kForever;
    }
    switch (socket_.send(std::span(packet_).first(length_))) {
      case PacketSocket::Outcome::kDone:
        ring.complete(chain_, 0);
        break;
      case PacketSocket::Outcome::kWouldBlock:
        return Wait::kSocket;
      case PacketSocket::Outcome::kClosed:
        return Wait::kForever;
    }
  }
  return Wait::kNothing;
}

// Copies the chain's packet. The header's length decides; bytes behind it are padding.
const char* GuestToHost::fetch(const Vring& ring) {
  PacketHeader header;
  if (chain_.writable_bytes() > 0) return "a packet with writable parts";
  if (chain_.readable_bytes() < sizeof header) return "a packet shorter than its header";
  ring.gather(chain_.readable(), 0, std::span(packet_).first(sizeof header));
  std::memcpy(&header, packet_.data(), sizeof header);
  if (header.len > kMaxPayload) return "a packet of more than 64 KiB";
  if (header.len > chain_.readable_bytes() - sizeof header) return "a packet shorter than its header says";
  length_ = sizeof header + header.len;
  ring.gather(chain_.readable(), sizeof header, std::span(packet_).subspan(sizeof header, header.len));
  return nullptr;
}

}  // namespace snaphammer::interposer
