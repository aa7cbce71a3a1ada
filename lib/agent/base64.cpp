#include "lib/agent/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace snaphammer::agent {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xff;

constexpr std::array<std::uint8_t, 256> make_digits() {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}
constexpr std::array<std::uint8_t, 256> kDigits = make_digits();

std::uint32_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = byte_at(bytes, i) << 16;
    if (have > 1) group |= byte_at(bytes, i + 1) << 8;
    if (have > 2) group |= byte_at(bytes, i + 2);
    text += kAlphabet[group >> 18];
    text += kAlphabet[(group >> 12) & 63];
    text += have > 1 ? kAlphabet[(group >> 6) & 63] : '=';
    text += have > 2 ? kAlphabet[group & 63] : '=';
  }
  return text;
}

Result<std::string> base64_decode(std::string_view text) {
  const Error invalid(ErrorKind::kInvalid, "not base64");
  if (text.size() % 4 != 0) return invalid;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::size_t padding = 0;
    if (i + 4 == text.size()) {
      if (text[i + 3] == '=') padding = text[i + 2] == '=' ? 2 : 1;
    }
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4 - padding; ++k) {
      const std::uint8_t digit = kDigits[byte_at(text, i + k)];
      if (digit == kNoDigit) return invalid;
      group |= std::uint32_t{digit} << (18 - 6 * k);
    }
    // Bits beyond the last byte must be zero, so that one string of bytes has one text.
    const std::uint32_t unused = padding == 0 ? 0 : padding == 1 ? 0xff : 0xffff;
    if ((group & unused) != 0) return invalid;
    bytes += static_cast<char>(group >> 16);
    if (padding < 2) bytes += static_cast<char>(group >> 8);
    if (padding < 1) bytes += static_cast<char>(group);
  }
  return bytes;
}

}  // namespace snaphammer::agent
