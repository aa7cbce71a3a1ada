// The guest's end of one connection, for tests: written apart from Connection and simpler, with counts of 64 bits.
// It checks that the host keeps its promises, and behaves like Linux's virtio transport.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "lib/vsock/packet.h"

namespace snaphammer::vsock {

inline constexpr std::uint64_t kTestGuestCid = 3;

/// The byte at `position` of the stream named `key`: content that is compared without a second copy.
inline std::byte stream_byte(std::uint64_t key, std::uint64_t position) {
  std::uint64_t x = (key << 40) ^ position;
  x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15U;
  return static_cast<std::byte>(x >> 56);
}

inline std::vector<std::byte> stream_bytes(std::uint64_t key, std::uint64_t position, std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = stream_byte(key, position + i);
  return bytes;
}

/// How many of `bytes` are what the stream has at `position`.
inline std::size_t matching(std::uint64_t key, std::uint64_t position, std::span<const std::byte> bytes) {
  std::size_t i = 0;
  while (i < bytes.size() && bytes[i] == stream_byte(key, position + i)) ++i;
  return i;
}

class GuestPeer {
 public:
  GuestPeer(std::uint32_t guest_port, std::uint32_t host_port, std::uint32_t buf_alloc)
      : guest_port_(guest_port), host_port_(host_port), buf_alloc_(buf_alloc) {}

  Packet packet(Op op, std::uint32_t flags = 0) {
    told_taken_ = taken_;
    return {.header = {.src_cid = kTestGuestCid,
                       .dst_cid = kHostCid,
                       .src_port = guest_port_,
                       .dst_port = host_port_,
                       .op = op,
                       .flags = flags,
                       .buf_alloc = buf_alloc_,
                       .fwd_cnt = static_cast<std::uint32_t>(taken_)},
            .payload = {}};
  }
  Packet request() { return packet(Op::kRequest); }
  Packet response() { return packet(Op::kResponse); }

  /// How much the host can take now.
  std::uint64_t credit() const {
    const std::uint64_t outstanding = sent_ - host_took_;
    return outstanding < host_buf_alloc_ ? host_buf_alloc_ - outstanding : 0;
  }
  Packet send(std::span<const std::byte> bytes) {
    sent_ += bytes.size();
    Packet data = packet(Op::kRw);
    data.payload.assign(bytes.begin(), bytes.end());
    return data;
  }

  /// Takes a packet of the host; answers go to `replies`.
  void receive(const Packet& packet) {
    const Header& header = packet.header;
    EXPECT_EQ(header.src_cid, kHostCid);
    EXPECT_EQ(header.dst_cid, kTestGuestCid);
    EXPECT_EQ(header.src_port, host_port_);
    EXPECT_EQ(header.dst_port, guest_port_);
    EXPECT_FALSE(host_reset_) << "a packet follows the host's RST: " << name_of(header.op);
    host_reset_ = header.op == Op::kRst;
    if (reset) return;  // Crossed with our own RST.
    reset = host_reset_;
    if (reset) return;
    const auto advance = static_cast<std::uint32_t>(header.fwd_cnt - static_cast<std::uint32_t>(host_took_));
    EXPECT_LE(advance, sent_ - host_took_) << "the host confirms what was not sent";
    host_took_ += advance;
    host_buf_alloc_ = header.buf_alloc;
    if (header.op == Op::kResponse) accepted = true;
    if (header.op == Op::kRw) {
      EXPECT_FALSE(host_finished) << "bytes follow the host's SHUTDOWN";
      EXPECT_LE(packet.payload.size(), buf_alloc_ - unread_.size()) << "beyond the guest's credit";
      EXPECT_FALSE(packet.payload.empty());
      unread_.insert(unread_.end(), packet.payload.begin(), packet.payload.end());
      received_ += packet.payload.size();
    }
    if (header.op == Op::kCreditRequest) replies.push_back(this->packet(Op::kCreditUpdate));
    if (header.op == Op::kShutdown) {
      host_finished = host_finished || (header.flags & kShutdownSend);
      host_stopped = host_stopped || (header.flags & kShutdownReceive);
    }
    confirm_end();
  }

  /// Takes at most `limit` bytes out of the receive buffer.
  std::vector<std::byte> read(std::size_t limit) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(limit, unread_.size()));
    std::vector<std::byte> bytes(unread_.begin(), unread_.begin() + count);
    unread_.erase(unread_.begin(), unread_.begin() + count);
    taken_ += bytes.size();
    if (!reset && taken_ - told_taken_ > buf_alloc_ / 2) {
      replies.push_back(packet(Op::kCreditUpdate));
    }
    confirm_end();
    return bytes;
  }
  std::size_t unread() const { return unread_.size(); }
  std::uint64_t received() const { return received_; }
  std::uint64_t sent() const { return sent_; }

  bool accepted = false;
  bool reset = false;
  bool host_finished = false;  ///< The host sends no more.
  bool host_stopped = false;   ///< The host receives no more.
  std::deque<Packet> replies;

 private:
  // Linux answers a full SHUTDOWN by RST when its reader has taken everything.
  void confirm_end() {
    if (reset || !host_finished || !host_stopped || !unread_.empty()) return;
    reset = true;
    replies.push_back(packet(Op::kRst));
  }

  bool host_reset_ = false;
  std::uint32_t guest_port_;
  std::uint32_t host_port_;
  std::uint32_t buf_alloc_;
  std::uint64_t sent_ = 0;
  std::uint64_t host_took_ = 0;
  std::uint64_t host_buf_alloc_ = 0;
  std::deque<std::byte> unread_;
  std::uint64_t received_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t told_taken_ = 0;
};

}  // namespace snaphammer::vsock
