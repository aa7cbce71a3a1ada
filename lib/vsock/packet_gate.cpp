#include "lib/vsock/packet_gate.h"

#include <algorithm>

namespace snaphammer::vsock {
namespace {

// A flow to the guest stops being filled at the first bound. What the guest sends cannot be held back, and one
// byte of its credit may come as one packet; so there is room for many flows of that, and an end to it.
constexpr std::size_t kMaxFlowCost = 256_KiB;
constexpr std::size_t kMaxCost = 64_MiB;

// What a held packet costs in memory, roughly.
std::size_t cost_of(const Packet& packet) { return 256 + packet.payload.size(); }

std::uint32_t guest_port_of(Direction direction, const Header& header) {
  return direction == Direction::kToGuest ? header.dst_port : header.src_port;
}
std::uint32_t host_port_of(Direction direction, const Header& header) {
  return direction == Direction::kToGuest ? header.src_port : header.dst_port;
}

std::uint64_t ordinal_of(Direction direction, const ConnectionInfo* connection) {
  if (connection == nullptr) return 0;
  return direction == Direction::kToGuest ? connection->packets_to_guest : connection->packets_from_guest;
}

}  // namespace

std::string_view name_of(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kPass:
      return "pass";
    case VerdictKind::kDrop:
      return "drop";
    case VerdictKind::kDelay:
      return "delay";
    case VerdictKind::kReset:
      return "reset";
    case VerdictKind::kStall:
      return "stall";
  }
  return "unknown";
}

void PacketGate::add(std::shared_ptr<PacketFilter> filter) { filters_.push_back(std::move(filter)); }

void PacketGate::remove(const PacketFilter& filter, TimePoint now) {
  std::erase_if(filters_, [&](const auto& present) { return present.get() == &filter; });
  for (auto& [key, flow] : flows_) decide_anew(key, flow, filter, now);
}

PacketGate::Decision PacketGate::decide(const PacketContext& context) {
  Decision decision;
  for (const auto& filter : filters_) {
    decision.verdict = filter->decide(context);
    if (decision.verdict.kind == VerdictKind::kPass) continue;
    decision.filter = filter.get();
    filter->tally_.add(decision.verdict.kind);
    break;
  }
  if (observer_) observer_(context, decision.verdict.kind);
  return decision;
}

PacketGate::Outcome PacketGate::admit(Direction direction, Packet& packet, const ConnectionInfo* connection,
                                      TimePoint now) {
  const FlowKey key{.guest_port = guest_port_of(direction, packet.header),
                    .host_port = host_port_of(direction, packet.header),
                    .direction = direction};
  const PacketContext context{.direction = direction,
                              .packet = packet,
                              .guest_port = key.guest_port,
                              .host_port = key.host_port,
                              .connection = connection,
                              .ordinal = ordinal_of(direction, connection)};
  const auto [verdict, filter] = decide(context);
  if (verdict.kind == VerdictKind::kDrop) return Outcome::kTaken;
  if (verdict.kind == VerdictKind::kReset) return Outcome::kReset;
  if (verdict.kind == VerdictKind::kPass && !flows_.contains(key)) return Outcome::kForward;

  if (cost_ + cost_of(packet) > kMaxCost) {
    ++dropped_for_space_;
    return Outcome::kReset;
  }
  const bool stalled = verdict.kind == VerdictKind::kStall;
  Held held{.packet = std::move(packet),
            .connection = connection ? std::optional(*connection) : std::nullopt,
            .ordinal = context.ordinal,
            .due = stalled ? TimePoint::max() : now + verdict.delay,
            .stalled_by = stalled ? filter : nullptr};
  Flow& flow = flows_[key];
  flow.cost += cost_of(held.packet);
  cost_ += cost_of(held.packet);
  flow.held.push_back(std::move(held));
  return Outcome::kTaken;
}

void PacketGate::decide_anew(const FlowKey& key, Flow& flow, const PacketFilter& gone, TimePoint now) {
  for (Held& held : flow.held) {
    if (held.stalled_by != &gone) continue;
    const auto [verdict, filter] = decide({.direction = key.direction,
                                           .packet = held.packet,
                                           .guest_port = key.guest_port,
                                           .host_port = key.host_port,
                                           .connection = held.connection ? &*held.connection : nullptr,
                                           .ordinal = held.ordinal});
    const bool stalled = verdict.kind == VerdictKind::kStall;
    held.stalled_by = stalled ? filter : nullptr;
    held.due = stalled ? TimePoint::max() : now + verdict.delay;
    held.reset = verdict.kind == VerdictKind::kReset;
    held.drop = verdict.kind == VerdictKind::kDrop;
  }
}

std::optional<TimePoint> PacketGate::next_due() const {
  // Only the first of a flow can go: those behind it wait for it, whatever their own time.
  TimePoint first = TimePoint::max();
  for (const auto& [key, flow] : flows_) first = std::min(first, flow.held.front().due);
  return first == TimePoint::max() ? std::nullopt : std::optional(first);
}

std::vector<PacketGate::Due> PacketGate::release(TimePoint now) {
  std::vector<Due> due;
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    auto& [key, waiting] = *flow;
    while (!waiting.held.empty() && waiting.held.front().due <= now) {
      Held& held = waiting.held.front();
      waiting.cost -= cost_of(held.packet);
      cost_ -= cost_of(held.packet);
      if (!held.drop) {
        due.push_back({.direction = key.direction,
                       .packet = std::move(held.packet),
                       .connection = held.connection,
                       .reset = held.reset});
      }
      waiting.held.pop_front();
    }
    flow = waiting.held.empty() ? flows_.erase(flow) : std::next(flow);
  }
  return due;
}

bool PacketGate::is_full(Direction direction, std::uint32_t guest_port, std::uint32_t host_port) const {
  const auto flow = flows_.find({guest_port, host_port, direction});
  return flow != flows_.end() && flow->second.cost >= kMaxFlowCost;
}

void PacketGate::forget(std::uint32_t guest_port, std::uint32_t host_port) {
  for (const Direction direction : {Direction::kToGuest, Direction::kFromGuest}) {
    const auto flow = flows_.find({guest_port, host_port, direction});
    if (flow == flows_.end()) continue;
    cost_ -= flow->second.cost;
    flows_.erase(flow);
  }
}

void PacketGate::clear() {
  flows_.clear();
  cost_ = 0;
}

}  // namespace snaphammer::vsock
