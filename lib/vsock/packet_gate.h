// The one place where filters act: every packet of both directions passes here, at once, later or not at all.
//
//   switch (gate.admit(Direction::kToGuest, packet, &info)) {
//     case PacketGate::Outcome::kForward: ...  // send it now
//     case PacketGate::Outcome::kTaken: ...    // dropped, or kept: release() will return it
//     case PacketGate::Outcome::kReset: ...    // dropped; end its connection
//   }
//   wait_until(gate.next_due());
//   for (auto& due : gate.release(now)) ...
//
// A flow is one direction of one pair of ports. Packets of a flow never overtake each other. No clock, no
// socket and no thread in it; the caller brings the time.
#pragma once

#include <compare>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "lib/vsock/packet_filter.h"

namespace snaphammer::vsock {

class PacketGate {
 public:
  enum class Outcome { kForward, kTaken, kReset };
  using Observer = std::function<void(const PacketContext&, VerdictKind)>;

  /// A packet whose time has come.
  struct Due {
    Direction direction;
    Packet packet;
    std::optional<ConnectionInfo> connection;
    bool reset = false;  ///< Do not forward it; end its connection.
  };

  explicit PacketGate(Observer observer) : observer_(std::move(observer)) {}

  void add(std::shared_ptr<PacketFilter> filter);
  void remove(const PacketFilter& filter, TimePoint now);

  /// Asks the filters. `packet` is moved from with kTaken only. `connection` may be null.
  Outcome admit(Direction direction, Packet& packet, const ConnectionInfo* connection, TimePoint now);
  /// When release() will next have something, if ever.
  std::optional<TimePoint> next_due() const;
  /// The packets whose delay has passed, in order.
  std::vector<Due> release(TimePoint now);
  /// Whether so much of this flow waits already that its sender should wait as well.
  bool is_full(Direction direction, std::uint32_t guest_port, std::uint32_t host_port) const;
  /// Throws away what waits between these ports, both directions.
  void forget(std::uint32_t guest_port, std::uint32_t host_port);
  void clear();
  /// Packets that did not fit any more.
  std::uint64_t dropped_for_space() const { return dropped_for_space_; }

 private:
  struct FlowKey {
    std::uint32_t guest_port;
    std::uint32_t host_port;
    Direction direction;
    auto operator<=>(const FlowKey&) const = default;
  };
  struct Held {
    Packet packet;
    std::optional<ConnectionInfo> connection;
    std::uint64_t ordinal;
    TimePoint due;  // TimePoint::max() while stalled.
    const PacketFilter* stalled_by = nullptr;
    bool reset = false;
    bool drop = false;
  };
  struct Flow {
    std::deque<Held> held;
    std::size_t cost = 0;
  };
  struct Decision {
    Verdict verdict;
    PacketFilter* filter = nullptr;
  };

  Decision decide(const PacketContext& context);
  void decide_anew(const FlowKey& key, Flow& flow, const PacketFilter& gone, TimePoint now);

  Observer observer_;
  std::vector<std::shared_ptr<PacketFilter>> filters_;
  std::map<FlowKey, Flow> flows_;  // Those in which something waits.
  std::size_t cost_ = 0;
  std::uint64_t dropped_for_space_ = 0;
};

}  // namespace snaphammer::vsock
