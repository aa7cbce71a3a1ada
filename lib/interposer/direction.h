// The two directions in which packets move between a ring and the packet socket, without threads and
// without waiting: a Direction moves what it can and says what it waits for. Pump (pump.h) does the
// waiting.
//
//   HostToGuest to_guest(socket);
//   switch (to_guest.move(ring)) { case Wait::kKick: ...the guest must give a buffer first... }
//
// A Direction outlives the rings it works on: a packet that was taken from the socket and not yet,
// or only in part, put into a ring stays in HostToGuest for the next ring. GuestToHost keeps
// nothing: a packet that the socket does not take stays in the ring.
//
// One thread at a time.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/interposer/packet_socket.h"
#include "lib/interposer/vring.h"

namespace snaphammer::interposer {

/// What has to happen before a direction can move on.
enum class Wait {
  kNothing,  ///< There may be more to move right now.
  kKick,     ///< The guest makes a buffer or a packet available.
  kSocket,   ///< The socket has a packet, or room for one.
  kForever,  ///< The ring is broken or the worker gone.
};

class Direction {
 public:
  virtual ~Direction() = default;
  /// Moves a bounded number of packets.
  virtual Wait move(Vring& ring) = 0;
  /// For logs: "host to guest".
  virtual const char* name() const = 0;
  /// What Wait::kSocket means to poll(2).
  virtual short socket_events() const = 0;

 protected:
  static constexpr int kBatch = 16;
};

class HostToGuest final : public Direction {
 public:
  explicit HostToGuest(PacketSocket& socket);
  Wait move(Vring& ring) override;
  const char* name() const override { return "host to guest"; }
  short socket_events() const override;
  /// Drops the packet that waits for a ring, if there is one.
  void forget() { length_ = 0; }

 private:
  const char* deliver(Vring& ring);

  PacketSocket& socket_;
  Chain chain_;
  std::vector<std::byte> packet_;
  std::size_t length_ = 0;  // Of the packet in hand; 0: none.
  std::size_t sent_ = 0;    // Payload of it that the guest has already.
};

class GuestToHost final : public Direction {
 public:
  explicit GuestToHost(PacketSocket& socket);
  Wait move(Vring& ring) override;
  const char* name() const override { return "guest to host"; }
  short socket_events() const override;

 private:
  const char* fetch(const Vring& ring);

  PacketSocket& socket_;
  Chain chain_;
  std::vector<std::byte> packet_;
  std::size_t length_ = 0;
};

}  // namespace snaphammer::interposer
