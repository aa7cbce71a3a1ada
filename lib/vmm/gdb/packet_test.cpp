#include "lib/vmm/gdb/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snaphammer::vmm {
namespace {

using testing::HasSubstr;
using Kind = GdbInput::Kind;

GdbInput only(const std::string& bytes) {
  GdbPacketReader reader;
  reader.feed(bytes);
  return reader.next().value().value();
}

// What makes the reader give up on `bytes`; empty when it does not.
std::string error_of(const std::string& bytes) {
  GdbPacketReader reader;
  reader.feed(bytes);
  const auto input = reader.next();
  return input ? "" : input.error().message();
}

TEST(GdbPacket, IsFramedWithItsChecksum) {
  EXPECT_EQ(gdb_packet("vCont;c"), "$vCont;c#a8");
  EXPECT_EQ(gdb_packet(""), "$#00");
}

TEST(GdbPacket, EscapesItsOwnMarks) {
  const std::string payload = "a$b#c}d*e";
  const std::string packet = gdb_packet(payload);
  EXPECT_EQ(packet.substr(1, packet.size() - 4).find_first_of("$#*"), std::string::npos);
  EXPECT_EQ(only(packet).payload, payload);
}

TEST(GdbPacket, RepetitionsAreExpanded) { EXPECT_EQ(only("$0* #7a").payload, "0000"); }

TEST(GdbPacketReader, TellsAcknowledgementsFromPackets) {
  GdbPacketReader reader;
  reader.feed("+$OK#9a-");
  EXPECT_EQ(reader.next().value()->kind, Kind::kAck);
  const auto packet = reader.next().value();
  EXPECT_EQ(packet->kind, Kind::kPacket);
  EXPECT_EQ(packet->payload, "OK");
  EXPECT_EQ(reader.next().value()->kind, Kind::kNack);
  EXPECT_FALSE(reader.next().value().has_value());
}

TEST(GdbPacketReader, WaitsForTheEndOfAPacket) {
  const std::string packet = gdb_packet("T05thread:02;");
  GdbPacketReader reader;
  for (const char byte : packet.substr(0, packet.size() - 1)) {
    reader.feed({&byte, 1});
    ASSERT_FALSE(reader.next().value().has_value());
  }
  reader.feed(packet.substr(packet.size() - 1));
  EXPECT_EQ(reader.next().value()->payload, "T05thread:02;");
}

TEST(GdbPacketReader, NoticesAWrongChecksumAndReadsOn) {
  GdbPacketReader reader;
  reader.feed("$OK#9b$OK#9a");
  EXPECT_EQ(reader.next().value()->kind, Kind::kDamaged);
  EXPECT_EQ(reader.next().value()->payload, "OK");
}

TEST(GdbPacketReader, GivesUpOnWhatIsNoPacket) {
  EXPECT_THAT(error_of("hello"), HasSubstr("byte 0x68 where a packet begins"));
  EXPECT_THAT(error_of("$*!#4b"), HasSubstr("repeats nothing"));
  EXPECT_THAT(error_of("$}#7d"), HasSubstr("ends in an escape"));
}

TEST(GdbPacketReader, GivesUpOnAPacketThatIsTooLong) {
  EXPECT_THAT(error_of("$" + std::string(kMaxGdbPayload + 3, 'a')), HasSubstr("too long"));
  std::string bomb;
  for (int i = 0; i < 200; ++i) bomb += "a*~";
  unsigned sum = 0;
  for (const char byte : bomb) sum += static_cast<unsigned char>(byte);
  char checksum[3];
  std::snprintf(checksum, sizeof checksum, "%02x", sum & 0xff);
  EXPECT_THAT(error_of("$" + bomb + "#" + checksum), HasSubstr("too long"));
}

}  // namespace
}  // namespace snaphammer::vmm
