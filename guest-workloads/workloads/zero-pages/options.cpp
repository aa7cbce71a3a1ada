#include "guest-workloads/workloads/zero-pages/options.h"

#include <charconv>
#include <limits>
#include <string_view>

#include "guest-workloads/workloads/zero-pages/pattern.h"

namespace snaphammer::zero_pages {

const char kUsage[] =
    "usage: zero-pages [--resident SIZE] [--seed N] [--hold TIME] [--settle TIME] [--rounds N]\n"
    "\n"
    "Keeps SIZE of memory (default 64MiB). Each round takes it fresh from the kernel, checks that every page is zero,\n"
    "fills it with a pattern, holds it (default 4s), checks that the pattern is still there, gives the memory back "
    "and\n"
    "waits (default 3s). Findings are JSON lines on standard output.\n"
    "Commands on standard input, one per line: check, quiesce, resume, stop. The end of the input is a stop.\n"
    "Sizes: 4KiB, 150MiB, 1GiB. Times: 500ms, 3s; a plain number is milliseconds.\n";

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr Unit kSizes[] = {{"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}};
constexpr Unit kTimes[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60'000}};
constexpr Unit kNumbers[] = {{"", 1}};

// A whole number and one of the units; false when it is anything else or does not fit.
template <std::size_t N>
bool parse_quantity(const std::string& text, const Unit (&units)[N], std::uint64_t& value) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& unit : units) {
    if (rest != unit.name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.factor) return false;
    value = number * unit.factor;
    return true;
  }
  return false;
}

}  // namespace

std::string parse_options(const std::vector<std::string>& arguments, Options& options) {
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string& name = arguments[i];
    if (i + 1 == arguments.size()) return name + ": a value is missing";
    const std::string& text = arguments[i + 1];
    std::uint64_t value = 0;
    bool valid = true;
    if (name == "--resident") {
      valid = parse_quantity(text, kSizes, value) && value % kPageBytes == 0 && value > 0;
      options.resident = value;
    } else if (name == "--seed") {
      valid = parse_quantity(text, kNumbers, options.seed);
    } else if (name == "--rounds") {
      valid = parse_quantity(text, kNumbers, options.rounds);
    } else if (name == "--hold") {
      valid = parse_quantity(text, kTimes, value);
      options.hold = std::chrono::milliseconds(value);
    } else if (name == "--settle") {
      valid = parse_quantity(text, kTimes, value);
      options.settle = std::chrono::milliseconds(value);
    } else {
      return name + ": no such option";
    }
    if (!valid) return name + " " + text + ": not a valid value";
  }
  return "";
}

}  // namespace snaphammer::zero_pages
