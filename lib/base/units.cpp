#include "lib/base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace snaphammer {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// From the smallest to the largest, as format() walks them backwards.
constexpr std::array<Unit, 5> kByteUnits{{{"B", 1}, {"KiB", 1_KiB}, {"MiB", 1_MiB}, {"GiB", 1_GiB}, {"TiB", 1024_GiB}}};
constexpr std::array<Unit, 6> kDurationUnits{{{"ns", 1},
                                              {"us", 1'000},
                                              {"ms", 1'000'000},
                                              {"s", 1'000'000'000},
                                              {"m", 60'000'000'000},
                                              {"h", 3'600'000'000'000}}};

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

template <std::size_t N>
std::string format_with(const std::array<Unit, N>& units, std::uint64_t value) {
  if (value == 0) return "0" + std::string(units.front().name);
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    if (value % unit->factor == 0) return std::to_string(value / unit->factor) + std::string(unit->name);
  }
  return {};  // Not reached: the first factor is 1.
}

}  // namespace

Result<ByteCount> parse_bytes(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error(ErrorKind::kInvalid, "'" + std::string(text) + "' is not a size: " + std::string(why))
        .advise("write a whole number and B, KiB, MiB, GiB or TiB, for example 256MiB");
  };
  std::uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc::result_out_of_range) return bad("too large");
  if (status != std::errc()) return bad("no number");
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const Unit* unit = find_unit(kByteUnits, suffix);
  if (unit == nullptr) return bad(suffix.empty() ? "no unit" : "unknown unit");
  if (number > std::numeric_limits<std::uint64_t>::max() / unit->factor) return bad("too large");
  return number * unit->factor;
}

std::string format_bytes(ByteCount bytes) { return format_with(kByteUnits, bytes); }

Result<Duration> parse_duration(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error(ErrorKind::kInvalid, "'" + std::string(text) + "' is not a duration: " + std::string(why))
        .advise("write a number and ns, us, ms, s, m or h, for example 250ms");
  };
  double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc::result_out_of_range)
    return bad(text.starts_with('-') ? "negative" : "too long or too short");
  if (status != std::errc() || !std::isfinite(number)) return bad("no number");
  if (std::signbit(number)) return bad("negative");
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const Unit* unit = find_unit(kDurationUnits, suffix);
  if (unit == nullptr) return bad(suffix.empty() ? "no unit" : "unknown unit");
  const double nanoseconds = number * static_cast<double>(unit->factor);
  if (nanoseconds > 1e18) return bad("too long");
  return Duration(std::llround(nanoseconds));
}

std::string format_duration(Duration duration) {
  return format_with(kDurationUnits, static_cast<std::uint64_t>(duration.count()));
}

}  // namespace snaphammer
