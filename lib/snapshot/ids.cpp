#include "lib/snapshot/ids.h"

#include <charconv>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/random.h>

// The dispatcher picks the widest vector instructions of this CPU; three times as fast as the baseline's.
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

namespace snaphammer::snapshot {
namespace {

constexpr std::size_t kDigits = 16;

std::optional<std::uint64_t> parse_half(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + kDigits, value, 16);
  if (status != std::errc() || end != digits.data() + kDigits) return std::nullopt;
  return value;
}

}  // namespace

std::string Bits128::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

std::optional<Bits128> Bits128::parse(std::string_view hex) {
  if (hex.size() != 2 * kDigits) return std::nullopt;
  const auto high = parse_half(hex.substr(0, kDigits));
  const auto low = parse_half(hex.substr(kDigits));
  if (!high || !low) return std::nullopt;
  const Bits128 value{*high, *low};
  if (value.hex() != hex) return std::nullopt;  // Upper-case digits.
  return value;
}

BuildId BuildId::random() {
  BuildId id;
  while (id.nil()) {
    // Cannot fail for so few bytes, by getrandom(2), once the host's pool is initialized; it waits for that.
    if (::getrandom(&id, sizeof id, 0) != ssize_t{sizeof id}) std::abort();
  }
  return id;
}

Checksum checksum_of(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {{.high = hash.high64, .low = hash.low64}};
}

Checksum checksum_of(std::string_view text) { return checksum_of(std::as_bytes(std::span(text))); }

}  // namespace snaphammer::snapshot
