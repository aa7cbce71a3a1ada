// Sizes and durations as people write them: `256MiB`, `4KiB`, `10ms`, `5m`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace snaphammer {

using ByteCount = std::uint64_t;
using Duration = std::chrono::nanoseconds;
using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;

inline namespace literals {
constexpr ByteCount operator""_KiB(unsigned long long n) { return n << 10; }
constexpr ByteCount operator""_MiB(unsigned long long n) { return n << 20; }
constexpr ByteCount operator""_GiB(unsigned long long n) { return n << 30; }
}  // namespace literals

constexpr ByteCount kPageSize = 4096;

/// "256MiB" to bytes. A whole number and one of B, KiB, MiB, GiB, TiB; no spaces; overflow is an error.
Result<ByteCount> parse_bytes(std::string_view text);
/// The shortest exact form that parse_bytes() reads back: 268435456 to "256MiB".
std::string format_bytes(ByteCount bytes);

/// "2s" to a duration. A decimal number and one of ns, us, ms, s, m, h; never negative.
Result<Duration> parse_duration(std::string_view text);
/// The shortest exact form that parse_duration() reads back: 1500ms, 2s, 5m.
std::string format_duration(Duration duration);

/// Milliseconds as results.json has them.
inline double to_ms(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

}  // namespace snaphammer
