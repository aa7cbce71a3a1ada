// How packets travel between the packet socket, the filters and the connections.
#include "lib/base/log.h"
#include "lib/base/start_task.h"
#include "lib/vsock/host_impl.h"

namespace snaphammer::vsock {
namespace {

/// Messages taken from the guest before everybody else has a turn.
constexpr int kBatch = 64;
/// RSTs that may wait for room in the packet socket. A guest that does not listen need not be answered more.
constexpr std::size_t kMaxRsts = 4096;

}  // namespace

void Host::Impl::run() {
  start_task(executor_, receive_packets(shared_from_this()));
  start_task(executor_, send_packets(shared_from_this()));
  start_task(executor_, release_packets(shared_from_this()));
}

void Host::Impl::stop() {
  if (!std::exchange(running_, false)) return;
  if (door_) door_->close();
  for (auto& [id, link] : links_) link->close();
  links_.clear();
  by_ports_.clear();
  ready_.clear();
  gate_.clear();
  packets_.close();
  gate_timer_.cancel();
  may_send_.set();
}

void Host::Impl::transport_ended() {
  if (door_) door_->close();
  gate_.clear();
  rsts_.clear();
  released_.clear();
  const auto links = links_;
  for (auto& [id, link] : links) {
    link->connection().lose_transport();
    settle(*link);
  }
  ended_.set();
}

Awaitable<void> Host::Impl::receive_packets(std::shared_ptr<Impl> self) {
  for (;;) {
    co_await self->packets_.readable();
    for (int i = 0; self->running_ && i < kBatch; ++i) {
      const auto message = self->packets_.receive();
      if (!message) {
        if (message.error().kind() != ErrorKind::kGone) {
          log_warning("vsock", "{}", message.error().describe());
        }
        self->transport_ended();
        co_return;
      }
      if (!*message) break;
      self->take_message(**message);
    }
    if (!self->running_) co_return;
  }
}

void Host::Impl::take_message(std::span<const std::byte> message) {
  ++counters_.packets_from_guest;
  auto packet = parse(message);
  if (!packet) {
    ++counters_.malformed;
    return;
  }
  const Header header = packet->header;
  if (header.src_cid != options_.guest_cid || header.dst_cid != kHostCid) {
    ++counters_.wrong_address;
    return;
  }
  if (header.type != kStreamType) {
    ++counters_.wrong_type;
    if (header.op != Op::kRst) send_rst({.packet = reset_for(header), .connection = {}});
    return;
  }
  std::optional<ConnectionInfo> info;
  if (const Link link = find({header.dst_port, header.src_port})) {
    info = link->info();
    link->count(*packet, false);
  }
  const auto now = SteadyClock::now();
  switch (gate_.admit(Direction::kFromGuest, *packet, info ? &*info : nullptr, now)) {
    case PacketGate::Outcome::kForward:
      return deliver(*packet);
    case PacketGate::Outcome::kTaken:
      return watch_gate();
    case PacketGate::Outcome::kReset:
      return order_reset(Direction::kFromGuest, header);
  }
}

Awaitable<void> Host::Impl::send_packets(std::shared_ptr<Impl> self) {
  while (self->running_) {
    const auto packet = self->next_to_send();
    if (!packet) {
      self->may_send_.reset();
      static_cast<void>(co_await self->may_send_.wait());
      continue;
    }
    const auto message = serialize(*packet);
    for (;;) {
      const auto sent = self->packets_.send(message);
      if (!sent) {
        // receive_packets() takes what the VMM still sent, and then sees the end.
        self->packets_.shut_down();
        co_return;
      }
      if (*sent) break;
      co_await self->packets_.writable();
      if (!self->running_) co_return;
    }
    ++self->counters_.packets_to_guest;
  }
}

std::optional<Packet> Host::Impl::next_to_send() {
  while (!released_.empty() || !rsts_.empty() || !ready_.empty()) {
    if (!released_.empty()) {
      Packet packet = std::move(released_.front());
      released_.pop_front();
      return packet;
    }
    if (!rsts_.empty()) {
      Rst rst = std::move(rsts_.front());
      rsts_.pop_front();
      if (!rst.filtered) return std::move(rst.packet);
      auto packet = through_gate(std::move(rst.packet), rst.connection ? &*rst.connection : nullptr);
      if (packet) return packet;
      continue;
    }
    const Link link = std::move(ready_.front());
    ready_.pop_front();
    link->is_queued = false;
    auto packet = link->connection().next_packet();
    if (!packet) continue;
    const ConnectionInfo info = link->info();
    link->count(*packet, true);
    auto passed = through_gate(std::move(*packet), &info);
    settle(*link);
    if (passed) return passed;
  }
  return std::nullopt;
}

std::optional<Packet> Host::Impl::through_gate(Packet packet, const ConnectionInfo* connection) {
  const Header header = packet.header;
  switch (gate_.admit(Direction::kToGuest, packet, connection, SteadyClock::now())) {
    case PacketGate::Outcome::kForward:
      return packet;
    case PacketGate::Outcome::kTaken:
      watch_gate();
      break;
    case PacketGate::Outcome::kReset:
      order_reset(Direction::kToGuest, header);
      break;
  }
  return std::nullopt;
}

void Host::Impl::order_reset(Direction direction, const Header& header) {
  const Header to_guest = direction == Direction::kToGuest ? header : reset_for(header).header;
  // The RST must not wait behind packets that a filter holds.
  gate_.forget(to_guest.dst_port, to_guest.src_port);
  if (const Link link = find({to_guest.src_port, to_guest.dst_port})) {
    link->connection().reset(CloseReason::kInjected);
    retire(*link, false);
    settle(*link);
    return;
  }
  if (direction == Direction::kFromGuest && header.op == Op::kRst) return;
  send_rst({.packet = {.header = {.src_cid = to_guest.src_cid,
                                  .dst_cid = to_guest.dst_cid,
                                  .src_port = to_guest.src_port,
                                  .dst_port = to_guest.dst_port,
                                  .op = Op::kRst},
                       .payload = {}},
            .connection = {},
            .filtered = false});
}

void Host::Impl::send_rst(Rst rst) {
  if (rsts_.size() >= kMaxRsts) {
    ++counters_.resets_dropped;
    return;
  }
  rsts_.push_back(std::move(rst));
  may_send_.set();
}

void Host::Impl::watch_gate() {
  const auto due = gate_.next_due().value_or(TimePoint::max());
  if (gate_timer_.expiry() != due) gate_timer_.expires_at(due);
}

Awaitable<void> Host::Impl::release_packets(std::shared_ptr<Impl> self) {
  while (self->running_) {
    // Moving the timer aborts the wait, and the wait begins anew.
    co_await self->gate_timer_.async_wait(as_result);
    if (!self->running_) co_return;
    for (auto& due : self->gate_.release(SteadyClock::now())) {
      if (due.reset) {
        self->order_reset(due.direction, due.packet.header);
      } else if (due.direction == Direction::kFromGuest) {
        self->deliver(due.packet);
      } else {
        self->released_.push_back(std::move(due.packet));
      }
    }
    self->may_send_.set();
    // Senders that had to wait because too much of their flow was held.
    const auto links = self->by_ports_;
    for (auto& [ports, link] : links) self->settle(*link);
    self->watch_gate();
  }
}

void Host::Impl::add_filter(std::shared_ptr<PacketFilter> filter) { gate_.add(std::move(filter)); }

void Host::Impl::remove_filter(const PacketFilter& filter) {
  gate_.remove(filter, SteadyClock::now());
  watch_gate();
}

}  // namespace snaphammer::vsock
