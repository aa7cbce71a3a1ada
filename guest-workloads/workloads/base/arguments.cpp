#include "guest-workloads/workloads/base/arguments.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <span>
#include <string_view>

namespace snaphammer::workload {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
  std::uint64_t divisor = 1;  // Of a unit below the smallest that counts: a part of that one counts as a whole.
};
// From the smallest on: the last that divides a number without rest is the one it is shown in.
constexpr Unit kSizes[] = {{"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}};
constexpr Unit kTimes[] = {{"ns", 1, 1'000'000}, {"us", 1, 1000}, {"", 1},         {"ms", 1},
                           {"s", 1000},          {"m", 60'000},   {"h", 3'600'000}};
constexpr Unit kNumbers[] = {{"", 1}};

/// A whole number and one of the units; nothing when it is anything else or does not fit.
std::optional<std::uint64_t> parse_quantity(const std::string& text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& unit : units) {
    if (rest != unit.name) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
    return number / unit.divisor * unit.factor + (number % unit.divisor != 0 ? 1 : 0);
  }
  return std::nullopt;
}

std::string format_quantity(std::uint64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (unit.divisor != 1) continue;
    if (best->divisor != 1 || (value % unit.factor == 0 && value >= unit.factor)) best = &unit;
  }
  return std::to_string(value / best->factor) + std::string(best->name);
}

std::string describe(const Bounds& bounds, std::span<const Unit> units) {
  std::string text = "from " + format_quantity(bounds.low, units);
  if (bounds.high != Bounds{}.high && bounds.high != kAnyNumber.high)
    text += " to " + format_quantity(bounds.high, units);
  if (bounds.multiple_of != 1) text += " in steps of " + format_quantity(bounds.multiple_of, units);
  return text;
}

auto quantity_setter(std::span<const Unit> units, const char* kind, Bounds bounds,
                     std::function<void(std::uint64_t)> set) {
  return [=](const std::string& text) -> std::string {
    const auto value = parse_quantity(text, units);
    if (!value || *value < bounds.low || *value > bounds.high || *value % bounds.multiple_of != 0) {
      return std::string("expected a ") + kind + " " + describe(bounds, units);
    }
    set(*value);
    return "";
  };
}

}  // namespace

void Arguments::size(std::string name, std::size_t& value, std::string help, Bounds bounds) {
  arguments_.push_back({std::move(name), "SIZE", format_quantity(value, kSizes), std::move(help),
                        quantity_setter(kSizes, "size", bounds, [&value](std::uint64_t bytes) { value = bytes; })});
}

void Arguments::time(std::string name, std::chrono::milliseconds& value, std::string help, Bounds bounds) {
  const auto milliseconds = static_cast<std::uint64_t>(value.count());
  arguments_.push_back(
      {std::move(name), "TIME", format_quantity(milliseconds, kTimes), std::move(help),
       quantity_setter(kTimes, "time", bounds, [&value](std::uint64_t ms) { value = std::chrono::milliseconds(ms); })});
}

void Arguments::number(std::string name, std::uint64_t& value, std::string help, Bounds bounds) {
  arguments_.push_back({std::move(name), "N", format_quantity(value, kNumbers), std::move(help),
                        quantity_setter(kNumbers, "number", bounds, [&value](std::uint64_t n) { value = n; })});
}

void Arguments::text(std::string name, std::string& value, std::string help) {
  arguments_.push_back({std::move(name), "TEXT", value, std::move(help), [&value](const std::string& text) {
                          value = text;
                          return std::string();
                        }});
}

void Arguments::choice(std::string name, std::string& value, std::vector<std::string> choices, std::string help) {
  std::string all;
  for (const std::string& choice : choices) all += (all.empty() ? "" : "|") + choice;
  arguments_.push_back({std::move(name), all, value, std::move(help), [&value, choices, all](const std::string& text) {
                          if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
                            return "expected one of " + all;
                          }
                          value = text;
                          return std::string();
                        }});
}

std::string Arguments::parse(const std::vector<std::string>& arguments) const {
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const auto argument = std::find_if(arguments_.begin(), arguments_.end(), [&](const Argument& candidate) {
      return "--" + candidate.name == arguments[i];
    });
    if (argument == arguments_.end()) return arguments[i] + ": no such option";
    if (i + 1 == arguments.size()) return arguments[i] + ": a value is missing";
    const std::string expected = argument->set(arguments[i + 1]);
    if (!expected.empty()) return arguments[i] + " " + arguments[i + 1] + ": " + expected;
  }
  return "";
}

std::string Arguments::usage() const {
  std::string text = "usage: " + program_ + " [--NAME VALUE]...\n\n" + about_ + "\n";
  for (const Argument& argument : arguments_) {
    std::string left = "  --" + argument.name + " " + argument.kind;
    left.resize(std::max<std::size_t>(left.size(), 20), ' ');
    text += left + "  " + argument.help + " (" + argument.standard + ")\n";
  }
  return text +
         "\n"
         "Commands on standard input, one per line: check, quiesce, resume, stop. The end of the input is a stop.\n"
         "JSON lines on standard output: ready, beat, finding, verdict, quiesced, resumed.\n"
         "Sizes: 4KiB, 150MiB, 1GiB. Times: 500ms, 3s, 1m, 1h; a plain number is milliseconds, a part of one counts as "
         "one.\n";
}

std::optional<int> Arguments::read(int argc, char** argv) const {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments == std::vector<std::string>{"--help"}) {
    std::fputs(usage().c_str(), stdout);
    return 0;
  }
  if (const std::string wrong = parse(arguments); !wrong.empty()) {
    std::fprintf(stderr, "%s: %s\n%s", program_.c_str(), wrong.c_str(), usage().c_str());
    return 2;
  }
  return std::nullopt;
}

}  // namespace snaphammer::workload
