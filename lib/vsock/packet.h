// vsock packets as they travel between a VMM and the host side: header and payload in one message.
//
//   SNAP_ASSIGN(Packet packet, parse(message));          // strict: what is malformed never gets
//   further if (packet.header.op == Op::kRequest) ... const std::vector<std::byte> bytes =
//   serialize(packet);
//
// The format is struct virtio_vsock_hdr, 44 bytes, little-endian (VIRTIO 1.2, section 5.10.6), then
// `len` bytes of payload. Plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace snaphammer::vsock {

inline constexpr std::size_t kHeaderSize = 44;
inline constexpr std::uint32_t kMaxPayload = 64 * 1024;
inline constexpr std::size_t kMaxPacket = kHeaderSize + kMaxPayload;
/// The host's context id.
inline constexpr std::uint64_t kHostCid = 2;
/// The only socket type served here (VIRTIO_VSOCK_TYPE_STREAM).
inline constexpr std::uint16_t kStreamType = 1;

enum class Op : std::uint16_t {
  kRequest = 1,        ///< Asks for a connection.
  kResponse = 2,       ///< Accepts it.
  kRst = 3,            ///< Refuses or ends it.
  kShutdown = 4,       ///< The sender will send or receive no more, see the flags.
  kRw = 5,             ///< Bytes of the stream; the only kind with a payload.
  kCreditUpdate = 6,   ///< Says how much the sender can receive.
  kCreditRequest = 7,  ///< Asks for a credit update.
};
/// "request", "rst", ...: stable names for traces.
std::string_view name_of(Op op);

/// Flags of kShutdown: what the sender of the packet will do no more.
inline constexpr std::uint32_t kShutdownReceive = 1;
inline constexpr std::uint32_t kShutdownSend = 2;
inline constexpr std::uint32_t kShutdownBoth = kShutdownReceive | kShutdownSend;

struct Header {
  std::uint64_t src_cid = 0;
  std::uint64_t dst_cid = 0;
  std::uint32_t src_port = 0;
  std::uint32_t dst_port = 0;
  std::uint16_t type = kStreamType;
  Op op = Op::kRst;
  std::uint32_t flags = 0;
  /// The sender's receive buffer and how many bytes of the stream it has taken out of it, modulo
  /// 2^32.
  std::uint32_t buf_alloc = 0;
  std::uint32_t fwd_cnt = 0;

  bool operator==(const Header&) const = default;
};

/// `len` of the wire format is the payload's size.
struct Packet {
  Header header;
  std::vector<std::byte> payload;

  bool operator==(const Packet&) const = default;
};

/// Fails (kInvalid) unless the message is one header with a known op and exactly `len` bytes of
/// payload, at most kMaxPayload, on nothing but kRw. Addresses, type and flags are left to the
/// receiver, who may have to answer.
Result<Packet> parse(std::span<const std::byte> message);

/// The packet as one message.
std::vector<std::byte> serialize(const Packet& packet);

/// The answer to a packet that belongs to no connection (VIRTIO 1.2, section 5.10.6.4.2): addresses
/// swapped. Never answer a kRst with it.
Packet reset_for(const Header& received);

}  // namespace snaphammer::vsock
