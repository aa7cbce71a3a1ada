#include "lib/vsock/packet.h"

#include <gtest/gtest.h>

namespace snaphammer::vsock {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

Packet sample(Op op, std::size_t payload) {
  return {.header = {.src_cid = 0x0102030405060708,
                     .dst_cid = 0x1112131415161718,
                     .src_port = 0x21222324,
                     .dst_port = 0x31323334,
                     .type = 0x4142,
                     .op = op,
                     .flags = 0x51525354,
                     .buf_alloc = 0x61626364,
                     .fwd_cnt = 0x71727374},
          .payload = std::vector<std::byte>(payload, std::byte{0xab})};
}

void set(std::vector<std::byte>& message, std::size_t offset, std::uint32_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    message[offset + i] = static_cast<std::byte>(value >> (8 * i));
  }
}

TEST(Packet, IsLaidOutAsTheSpecificationSays) {
  EXPECT_EQ(serialize(sample(Op::kRw, 2)),
            bytes_of({0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,  // src_cid
                      0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,  // dst_cid
                      0x24, 0x23, 0x22, 0x21, 0x34, 0x33, 0x32, 0x31,  // src_port, dst_port
                      0x02, 0x00, 0x00, 0x00, 0x42, 0x41, 0x05, 0x00,  // len, type, op
                      0x54, 0x53, 0x52, 0x51, 0x64, 0x63, 0x62, 0x61,  // flags, buf_alloc
                      0x74, 0x73, 0x72, 0x71, 0xab, 0xab}));           // fwd_cnt, payload
}

TEST(Packet, IsReadBackAsItWasWritten) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{kMaxPayload}}) {
    const Packet packet = sample(Op::kRw, size);
    EXPECT_EQ(parse(serialize(packet)).value(), packet);
  }
}

TEST(Packet, EveryShorterMessageIsMalformed) {
  const auto message = serialize(sample(Op::kRw, 3));
  for (std::size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(parse(std::span(message).first(size))) << size;
  }
}

TEST(Packet, ALengthThatIsNotThePayloadsIsMalformed) {
  for (const std::uint32_t length : {0U, 2U, 4U, 0xffffffffU, 0x80000003U}) {
    auto message = serialize(sample(Op::kRw, 3));
    set(message, 24, length, 4);
    EXPECT_FALSE(parse(message)) << length;
  }
}

TEST(Packet, MorePayloadThanTheLimitIsMalformed) {
  const auto result = parse(serialize(sample(Op::kRw, kMaxPayload + 1)));
  EXPECT_EQ(result.error().message(), "vsock packet: len 65537 is too much");
}

TEST(Packet, UnknownOpsAreMalformed) {
  for (const std::uint32_t op : {0U, 8U, 0xffffU}) {
    auto message = serialize(sample(Op::kRst, 0));
    set(message, 30, op, 2);
    EXPECT_FALSE(parse(message)) << op;
  }
}

TEST(Packet, OnlyBytesOfTheStreamHaveAPayload) {
  for (const Op op : {Op::kRequest, Op::kResponse, Op::kRst, Op::kShutdown, Op::kCreditUpdate, Op::kCreditRequest}) {
    EXPECT_TRUE(parse(serialize(sample(op, 0))));
    EXPECT_FALSE(parse(serialize(sample(op, 1)))) << name_of(op);
  }
}

TEST(Packet, AResetGoesBackWhereThePacketCameFrom) {
  const Header received = sample(Op::kRw, 0).header;
  const Packet reset = reset_for(received);
  EXPECT_EQ(reset.header, (Header{.src_cid = received.dst_cid,
                                  .dst_cid = received.src_cid,
                                  .src_port = received.dst_port,
                                  .dst_port = received.src_port,
                                  .type = received.type,
                                  .op = Op::kRst}));
}

}  // namespace
}  // namespace snaphammer::vsock
