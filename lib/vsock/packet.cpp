#include "lib/vsock/packet.h"

#include <concepts>
#include <cstring>

#include <fmt/format.h>

namespace snaphammer::vsock {
namespace {

template <std::unsigned_integral T>
T load(std::span<const std::byte> message, std::size_t offset) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | (std::to_integer<T>(message[offset + i]) << (8 * i)));
  }
  return value;
}

template <std::unsigned_integral T>
void store(std::span<std::byte> message, std::size_t offset, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    message[offset + i] = static_cast<std::byte>(value >> (8 * i));
  }
}

// Offsets in struct virtio_vsock_hdr.
constexpr std::size_t kSrcCid = 0;
constexpr std::size_t kDstCid = 8;
constexpr std::size_t kSrcPort = 16;
constexpr std::size_t kDstPort = 20;
constexpr std::size_t kLen = 24;
constexpr std::size_t kType = 28;
constexpr std::size_t kOp = 30;
constexpr std::size_t kFlags = 32;
constexpr std::size_t kBufAlloc = 36;
constexpr std::size_t kFwdCnt = 40;

}  // namespace

std::string_view name_of(Op op) {
  switch (op) {
    case Op::kRequest:
      return "request";
    case Op::kResponse:
      return "response";
    case Op::kRst:
      return "rst";
    case Op::kShutdown:
      return "shutdown";
    case Op::kRw:
      return "rw";
    case Op::kCreditUpdate:
      return "credit-update";
    case Op::kCreditRequest:
      return "credit-request";
  }
  return "unknown";
}

Result<Packet> parse(std::span<const std::byte> message) {
  const auto malformed = [](std::string what) {
    return Error(ErrorKind::kInvalid, "vsock packet: " + std::move(what));
  };
  if (message.size() < kHeaderSize) {
    return malformed(fmt::format("{} bytes are less than a header", message.size()));
  }
  const auto length = load<std::uint32_t>(message, kLen);
  if (length > kMaxPayload) return malformed(fmt::format("len {} is too much", length));
  if (length != message.size() - kHeaderSize) {
    return malformed(fmt::format("len {}, but {} bytes follow the header", length, message.size() - kHeaderSize));
  }
  const auto op = load<std::uint16_t>(message, kOp);
  if (op < static_cast<std::uint16_t>(Op::kRequest) || op > static_cast<std::uint16_t>(Op::kCreditRequest)) {
    return malformed(fmt::format("unknown op {}", op));
  }
  if (length > 0 && static_cast<Op>(op) != Op::kRw) {
    return malformed(fmt::format("{} with a payload", name_of(static_cast<Op>(op))));
  }
  const auto payload = message.subspan(kHeaderSize);
  return Packet{.header = {.src_cid = load<std::uint64_t>(message, kSrcCid),
                           .dst_cid = load<std::uint64_t>(message, kDstCid),
                           .src_port = load<std::uint32_t>(message, kSrcPort),
                           .dst_port = load<std::uint32_t>(message, kDstPort),
                           .type = load<std::uint16_t>(message, kType),
                           .op = static_cast<Op>(op),
                           .flags = load<std::uint32_t>(message, kFlags),
                           .buf_alloc = load<std::uint32_t>(message, kBufAlloc),
                           .fwd_cnt = load<std::uint32_t>(message, kFwdCnt)},
                .payload = {payload.begin(), payload.end()}};
}

std::vector<std::byte> serialize(const Packet& packet) {
  std::vector<std::byte> message(kHeaderSize + packet.payload.size());
  const Header& header = packet.header;
  store(message, kSrcCid, header.src_cid);
  store(message, kDstCid, header.dst_cid);
  store(message, kSrcPort, header.src_port);
  store(message, kDstPort, header.dst_port);
  store(message, kLen, static_cast<std::uint32_t>(packet.payload.size()));
  store(message, kType, header.type);
  store(message, kOp, static_cast<std::uint16_t>(header.op));
  store(message, kFlags, header.flags);
  store(message, kBufAlloc, header.buf_alloc);
  store(message, kFwdCnt, header.fwd_cnt);
  if (!packet.payload.empty()) {
    std::memcpy(message.data() + kHeaderSize, packet.payload.data(), packet.payload.size());
  }
  return message;
}

Packet reset_for(const Header& received) {
  return {.header = {.src_cid = received.dst_cid,
                     .dst_cid = received.src_cid,
                     .src_port = received.dst_port,
                     .dst_port = received.src_port,
                     .type = received.type,
                     .op = Op::kRst},
          .payload = {}};
}

}  // namespace snaphammer::vsock
