#include "lib/vsock/connection.h"

#include <algorithm>
#include <cassert>

namespace snaphammer::vsock {

std::string_view name_of(ConnectionState state) {
  switch (state) {
    case ConnectionState::kConnecting:
      return "connecting";
    case ConnectionState::kEstablished:
      return "established";
    case ConnectionState::kClosed:
      return "closed";
  }
  return "unknown";
}

std::string_view name_of(CloseReason reason) {
  switch (reason) {
    case CloseReason::kNone:
      return "none";
    case CloseReason::kRefused:
      return "refused";
    case CloseReason::kGuestClosed:
      return "guest-closed";
    case CloseReason::kClientClosed:
      return "client-closed";
    case CloseReason::kGuestReset:
      return "guest-reset";
    case CloseReason::kClientReset:
      return "client-reset";
    case CloseReason::kProtocolViolation:
      return "protocol-violation";
    case CloseReason::kCreditViolation:
      return "credit-violation";
    case CloseReason::kTimeout:
      return "timeout";
    case CloseReason::kHostReset:
      return "host-reset";
    case CloseReason::kInjected:
      return "injected";
    case CloseReason::kTransportGone:
      return "transport-gone";
  }
  return "unknown";
}

Connection::Connection(const Addresses& addresses, const ConnectionLimits& limits, ConnectionState state)
    : addresses_(addresses), limits_(limits), state_(state) {
  assert(limits.buf_alloc > 0 && limits.max_payload > 0 && limits.max_payload <= kMaxPayload);
}

Connection Connection::to_guest(const Addresses& addresses, const ConnectionLimits& limits) {
  Connection connection(addresses, limits, ConnectionState::kConnecting);
  connection.owes_request_ = true;
  return connection;
}

Connection Connection::from_guest(const Header& request, const ConnectionLimits& limits) {
  Connection connection({.guest_cid = request.src_cid, .guest_port = request.src_port, .host_port = request.dst_port},
                        limits, ConnectionState::kEstablished);
  connection.owes_response_ = true;
  if (!connection.take_credit(request)) connection.reset(CloseReason::kCreditViolation);
  return connection;
}

void Connection::receive(const Packet& packet) {
  if (state_ == ConnectionState::kClosed) return;
  const Op op = packet.header.op;
  if (op == Op::kRst) {
    const bool confirms = told_shutdown_ == kShutdownBoth;
    if (state_ == ConnectionState::kConnecting) return close(CloseReason::kRefused);
    return close(confirms ? CloseReason::kClientClosed : CloseReason::kGuestReset);
  }
  // RESPONSE answers a REQUEST that has left, nothing else does, and nothing else comes before it. Our own RESPONSE
  // has to leave before the guest may go on.
  const bool asked = state_ == ConnectionState::kConnecting && !owes_request_;
  const bool open = state_ == ConnectionState::kEstablished && !owes_response_;
  if (op == Op::kResponse ? !asked : !open) return reset(CloseReason::kProtocolViolation);
  if (!take_credit(packet.header)) return reset(CloseReason::kCreditViolation);
  switch (op) {
    case Op::kResponse:
      state_ = ConnectionState::kEstablished;
      break;
    case Op::kRw:
      receive_bytes(packet.payload);
      break;
    case Op::kShutdown:
      receive_shutdown(packet.header.flags);
      break;
    case Op::kCreditUpdate:
      break;
    case Op::kCreditRequest:
      credit_update_asked_ = true;
      break;
    case Op::kRequest:
    case Op::kRst:
      reset(CloseReason::kProtocolViolation);
      break;
  }
}

void Connection::receive_bytes(const std::vector<std::byte>& payload) {
  if (guest_finished_) return reset(CloseReason::kProtocolViolation);
  if (payload.size() > limits_.buf_alloc - received_.size()) {
    return reset(CloseReason::kCreditViolation);
  }
  if (client_stopped_receiving_) {
    // Sent before the guest could know: taken, so that its credit stays right, and thrown away.
    fwd_cnt_ += static_cast<std::uint32_t>(payload.size());
    return;
  }
  received_.append(payload);
}

void Connection::receive_shutdown(std::uint32_t flags) {
  if (flags & kShutdownSend) guest_finished_ = true;
  if (flags & kShutdownReceive) {
    guest_stopped_receiving_ = true;
    unsent_.clear();
  }
  // Nothing can follow in either direction: RST confirms it at once. What the guest sent before is kept for the
  // client, and the guest need not wait until the client has fetched it.
  if (guest_finished_ && guest_stopped_receiving_) {
    close(CloseReason::kGuestClosed);
    owes_rst_ = true;
  }
}

bool Connection::take_credit(const Header& header) {
  // Modulo 2^32, `fwd_cnt` must lie between what was confirmed before and what has been sent. Less than
  // before can happen in good faith: two threads of a guest make their packets in one order and queue them
  // in the other. More than was ever sent, or less than zero, cannot.
  const std::uint32_t outstanding = sent_ - peer_fwd_cnt_;
  const std::uint32_t advance = header.fwd_cnt - peer_fwd_cnt_;
  if (advance > outstanding) {
    const std::uint32_t behind = peer_fwd_cnt_ - header.fwd_cnt;
    ++stale_credits_;
    return behind <= confirmed_;
  }
  const std::uint32_t before = credit();
  peer_fwd_cnt_ = header.fwd_cnt;
  peer_buf_alloc_ = header.buf_alloc;
  confirmed_ += advance;
  if (credit() > before) asked_for_credit_ = false;
  return true;
}

std::uint32_t Connection::credit() const {
  const std::uint32_t outstanding = sent_ - peer_fwd_cnt_;
  // A guest may shrink its buffer below what is on the way.
  return outstanding < peer_buf_alloc_ ? peer_buf_alloc_ - outstanding : 0;
}

std::optional<Op> Connection::next_op() const {
  if (state_ == ConnectionState::kClosed) return std::nullopt;
  if (state_ == ConnectionState::kConnecting) {
    return owes_request_ ? std::optional(Op::kRequest) : std::nullopt;
  }
  if (owes_response_) return Op::kResponse;
  if (due_shutdown() != told_shutdown_) return Op::kShutdown;
  if (!unsent_.empty() && credit() > 0) return Op::kRw;
  if (owes_credit_update()) return Op::kCreditUpdate;
  if (!unsent_.empty() && !asked_for_credit_) return Op::kCreditRequest;
  return std::nullopt;
}

std::uint32_t Connection::due_shutdown() const {
  std::uint32_t flags = 0;
  if (client_stopped_receiving_) flags |= kShutdownReceive;
  if (client_finished_ && unsent_.empty()) flags |= kShutdownSend;
  return flags;
}

bool Connection::owes_credit_update() const {
  if (credit_update_asked_) return true;
  if (guest_finished_) return false;
  // The guest sends while it knows of any credit, so it must learn of more at the latest when it has used up what
  // it knows; at every quarter it need not stop at all, and updates stay few.
  return fwd_cnt_ - told_fwd_cnt_ >= std::max(1U, limits_.buf_alloc / 4);
}

std::optional<Packet> Connection::next_packet() {
  const std::optional<Op> op = next_op();
  if (!op) return std::nullopt;
  Packet packet = make_packet(*op);
  switch (*op) {
    case Op::kRequest:
      owes_request_ = false;
      break;
    case Op::kResponse:
      owes_response_ = false;
      break;
    case Op::kShutdown:
      told_shutdown_ = due_shutdown();
      packet.header.flags = told_shutdown_;
      break;
    case Op::kRw: {
      const auto size = std::min<std::size_t>({unsent_.size(), credit(), limits_.max_payload});
      packet.payload = unsent_.take(size);
      sent_ += static_cast<std::uint32_t>(size);
      break;
    }
    case Op::kCreditRequest:
      asked_for_credit_ = true;
      break;
    case Op::kCreditUpdate:
    case Op::kRst:
      break;
  }
  return packet;
}

Packet Connection::make_packet(Op op) {
  // Every packet tells our credit.
  told_fwd_cnt_ = fwd_cnt_;
  credit_update_asked_ = false;
  Packet packet = rst();
  packet.header.op = op;
  packet.header.buf_alloc = limits_.buf_alloc;
  packet.header.fwd_cnt = fwd_cnt_;
  return packet;
}

Packet Connection::rst() const {
  return {.header = {.src_cid = kHostCid,
                     .dst_cid = addresses_.guest_cid,
                     .src_port = addresses_.host_port,
                     .dst_port = addresses_.guest_port,
                     .op = Op::kRst},
          .payload = {}};
}

bool Connection::takes_bytes() const {
  return state_ != ConnectionState::kClosed && !client_finished_ && !guest_stopped_receiving_;
}

std::size_t Connection::room() const {
  if (!takes_bytes() || unsent_.size() >= limits_.send_buffer) return 0;
  return limits_.send_buffer - unsent_.size();
}

void Connection::push(std::span<const std::byte> bytes) {
  assert(bytes.size() <= room());
  unsent_.append(bytes);
}

void Connection::finish_sending() { client_finished_ = true; }

void Connection::stop_receiving() {
  client_stopped_receiving_ = true;
  fwd_cnt_ += static_cast<std::uint32_t>(received_.size());
  received_.clear();
}

void Connection::consume(std::size_t size) {
  received_.consume(size);
  fwd_cnt_ += static_cast<std::uint32_t>(size);
}

bool Connection::at_end() const {
  const bool finished = guest_finished_ || state_ == ConnectionState::kClosed;
  return received_.empty() && (finished || client_stopped_receiving_);
}

bool Connection::awaits_confirmation() const {
  return state_ != ConnectionState::kClosed && client_finished_ && client_stopped_receiving_;
}

void Connection::reset(CloseReason reason) {
  if (state_ == ConnectionState::kClosed) return;
  close(reason);
  received_.clear();
  // A guest that never saw a REQUEST has nothing to forget.
  owes_rst_ = !owes_request_;
}

void Connection::close(CloseReason reason) {
  if (state_ == ConnectionState::kClosed) return;
  state_ = ConnectionState::kClosed;
  close_reason_ = reason;
  unsent_.clear();
}

}  // namespace snaphammer::vsock
