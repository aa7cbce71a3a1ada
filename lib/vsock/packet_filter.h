// Where faults act on vsock: a PacketFilter is asked about every packet, in both directions, at one place.
//
//   class ResetThird : public PacketFilter {        // the third packet of any connection to port 52 kills it
//     Verdict decide(const PacketContext& context) override {
//       const bool chosen = context.connection && context.connection->guest_port == 52 && context.ordinal == 2;
//       return chosen ? Verdict::reset() : Verdict::pass();
//     }
//   };
//   auto fault = std::make_shared<ResetThird>();
//   host.add_filter(fault);
//   ...
//   host.remove_filter(*fault);                        // heals: what it stalled goes on
//   fault->tally().of(VerdictKind::kReset);            // how often it acted, and when first
//
// The host's thread only. A filter must not call the host from decide().
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "lib/base/units.h"
#include "lib/vsock/connection_info.h"
#include "lib/vsock/packet.h"

namespace snaphammer::vsock {

enum class Direction { kToGuest, kFromGuest };

enum class VerdictKind {
  kPass,
  kDrop,   ///< The packet never was. vsock has no retransmission: a stream goes on with a hole,
           ///< credit is lost.
  kDelay,  ///< It goes on `delay` later. Packets behind it, of its connection and direction, stay
           ///< behind it.
  kReset,  ///< The packet is dropped and its connection ended on both sides, the guest by an RST.
  kStall,  ///< It and all behind it, of its connection and direction, wait until the filter is
           ///< removed.
};
inline constexpr std::size_t kVerdictKinds = 5;
/// "pass", "drop", ...: stable names for traces and results.
std::string_view name_of(VerdictKind kind);

struct Verdict {
  VerdictKind kind = VerdictKind::kPass;
  Duration delay = {};

  static Verdict pass() { return {}; }
  static Verdict drop() { return {VerdictKind::kDrop, {}}; }
  static Verdict delayed(Duration delay) { return {VerdictKind::kDelay, delay}; }
  static Verdict reset() { return {VerdictKind::kReset, {}}; }
  static Verdict stall() { return {VerdictKind::kStall, {}}; }
};

/// What a filter knows when it decides. References live for the call only.
struct PacketContext {
  Direction direction;
  const Packet& packet;
  std::uint32_t guest_port;
  std::uint32_t host_port;
  /// The connection it belongs to; null for a guest's REQUEST and for a packet of an unknown
  /// connection and its RST.
  const ConnectionInfo* connection;
  /// How many packets of the connection went before it in this direction; 0 without a connection.
  std::uint64_t ordinal;
};

/// How often each verdict was carried out, and when first.
class ActionTally {
 public:
  struct Count {
    std::uint64_t acted = 0;
    std::optional<TimePoint> first;
  };

  const Count& of(VerdictKind kind) const { return counts_[static_cast<std::size_t>(kind)]; }
  void add(VerdictKind kind) {
    Count& count = counts_[static_cast<std::size_t>(kind)];
    if (count.acted++ == 0) count.first = SteadyClock::now();
  }

 private:
  std::array<Count, kVerdictKinds> counts_;
};

class PacketFilter {
 public:
  virtual ~PacketFilter() = default;
  /// Asked once for each packet, when it comes; again only for packets that it stalled, when
  /// filters change.
  virtual Verdict decide(const PacketContext& context) = 0;

  const ActionTally& tally() const { return tally_; }

 private:
  friend class PacketGate;
  ActionTally tally_;
};

}  // namespace snaphammer::vsock
