#include "lib/vmm/gdb/packet.h"

#include <charconv>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

namespace snaphammer::vmm {
namespace {

constexpr char kEscape = '}';
constexpr char kEscapedBy = 0x20;  // A byte after the escape is this one exclusive-ored with it.
constexpr int kRepeatBias = 29;    // `x*c`: x, and then x as many times more as c is above it.
constexpr std::size_t kChecksumDigits = 2;

std::uint8_t checksum_of(std::string_view bytes) {
  unsigned sum = 0;
  for (const char byte : bytes) sum += static_cast<unsigned char>(byte);
  return static_cast<std::uint8_t>(sum);
}

Error malformed(std::string_view what) { return Error(ErrorKind::kInvalid, "GDB protocol: " + std::string(what)); }

Result<std::string> expanded(std::string_view body) {
  std::string payload;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] == kEscape) {
      if (++i == body.size()) return malformed("a packet ends in an escape");
      payload.push_back(static_cast<char>(body[i] ^ kEscapedBy));
    } else if (body[i] == '*') {
      if (++i == body.size() || payload.empty()) return malformed("a packet repeats nothing");
      const int times = static_cast<unsigned char>(body[i]) - kRepeatBias;
      if (times < 1 || body[i] > '~') return malformed("a packet repeats a byte an impossible number of times");
      payload.append(static_cast<std::size_t>(times), payload.back());
    } else {
      payload.push_back(body[i]);
    }
    if (payload.size() > kMaxGdbPayload) return malformed("packet too long");
  }
  return payload;
}

}  // namespace

std::string gdb_packet(std::string_view payload) {
  std::string body;
  for (const char byte : payload) {
    if (byte == '$' || byte == '#' || byte == kEscape || byte == '*') {
      body.push_back(kEscape);
      body.push_back(static_cast<char>(byte ^ kEscapedBy));
    } else {
      body.push_back(byte);
    }
  }
  return fmt::format("${}#{:02x}", body, checksum_of(body));
}

Result<std::optional<GdbInput>> GdbPacketReader::next() {
  if (buffer_.empty()) return std::optional<GdbInput>();
  const char first = buffer_.front();
  if (first == '+' || first == '-') {
    buffer_.erase(0, 1);
    return GdbInput{.kind = first == '+' ? GdbInput::Kind::kAck : GdbInput::Kind::kNack, .payload = {}};
  }
  if (first != '$') {
    return malformed(fmt::format("byte {:#04x} where a packet begins", static_cast<unsigned char>(first)));
  }
  const std::size_t end = buffer_.find('#');
  if (end == std::string::npos || buffer_.size() < end + 1 + kChecksumDigits) {
    if (buffer_.size() > kMaxGdbPayload + 1 + kChecksumDigits) return malformed("packet too long");
    return std::optional<GdbInput>();
  }
  const std::string body = buffer_.substr(1, end - 1);
  const auto said = number_from_hex(std::string_view(buffer_).substr(end + 1, kChecksumDigits));
  buffer_.erase(0, end + 1 + kChecksumDigits);
  if (!said || *said != checksum_of(body)) return GdbInput{.kind = GdbInput::Kind::kDamaged, .payload = {}};
  SNAP_ASSIGN(std::string payload, expanded(body));
  return GdbInput{.kind = GdbInput::Kind::kPacket, .payload = std::move(payload)};
}

std::optional<std::uint64_t> number_from_hex(std::string_view digits) {
  std::uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, number, 16);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

std::optional<std::string> bytes_from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const auto byte = number_from_hex(digits.substr(i, 2));
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

}  // namespace snaphammer::vmm
