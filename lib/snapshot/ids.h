// 128-bit values of the store: the identity of a generation, and checksums. Plain values; any
// thread.
//
//   const BuildId build = BuildId::random();
//   const Checksum sum = checksum_of(bytes);
//   manifest["checksum"] = sum.hex();
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace snaphammer::snapshot {

struct Bits128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const Bits128&) const = default;
  /// 32 lower-case hexadecimal digits, high part first.
  std::string hex() const;
  /// Reads exactly what hex() writes.
  static std::optional<Bits128> parse(std::string_view hex);
};

/// Which generation a page is stored in. A snapshot that is deleted and made again under the same
/// name gets another one. The nil id is no generation: it stands for zeros.
struct BuildId : Bits128 {
  static BuildId random();
  bool nil() const { return high == 0 && low == 0; }
};

/// XXH3, 128 bits: finds every change that is not made on purpose; no defence against somebody who
/// forges.
struct Checksum : Bits128 {};

Checksum checksum_of(std::span<const std::byte> bytes);
Checksum checksum_of(std::string_view text);

}  // namespace snaphammer::snapshot
