#include "harness/scenario/diagnostic.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace snaphammer::scenario {
namespace {

constexpr std::size_t kLongestName = 64;  // Beyond that nobody meant a known name.
constexpr std::size_t kShortestPart = 3;  // That says which name was meant.
constexpr std::size_t kWidestLine = 200;  // Of the source, in a message.
constexpr std::size_t kMostNamesInAdvice = 40;

/// Insertions, deletions, substitutions and swaps of neighbours that make `from` into `to`.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::vector<std::size_t>> cost(from.size() + 1, std::vector<std::size_t>(to.size() + 1));
  for (std::size_t i = 0; i <= from.size(); ++i) cost[i][0] = i;
  std::iota(cost[0].begin(), cost[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t substituted = cost[i - 1][j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, substituted});
      const bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[from.size()][to.size()];
}

/// A dash and an underscore are the same to a typing human, and so is the case.
std::string folded(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

/// Whether `whole` begins or ends with `name` as words of their own; both folded.
bool is_part_of(std::string_view name, std::string_view whole) {
  const auto separates = [](char c) { return c == '.' || c == '_'; };
  if (name.size() < kShortestPart || whole.size() <= name.size()) return false;
  const bool first = whole.starts_with(name) && separates(whole[name.size()]);
  const bool last = whole.ends_with(name) && separates(whole[whole.size() - name.size() - 1]);
  return first || last;
}

}  // namespace

std::string_view nearest_name(std::string_view name, std::span<const std::string> known) {
  if (name.empty() || name.size() > kLongestName) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    // "on_remove" is as near to "uffd.on_remove" as a single slip of the fingers.
    const bool is_part = is_part_of(folded(name), folded(candidate));
    const std::size_t distance = is_part ? 1 : edit_distance(folded(name), folded(candidate));
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string advise_names(std::string_view name, std::span<const std::string> known) {
  if (known.empty()) return "there are none";
  std::string advice;
  if (const std::string_view near = nearest_name(name, known); !near.empty()) {
    advice = fmt::format("did you mean '{}'? ", near);
  }
  const auto shown = known.first(std::min(known.size(), kMostNamesInAdvice));
  return advice + fmt::format("known: {}{}", fmt::join(shown, ", "), shown.size() < known.size() ? ", ..." : "");
}

std::string format(const Diagnostic& diagnostic) {
  std::string text = diagnostic.file;
  if (diagnostic.where.line > 0) {
    text += fmt::format(":{}:{}", diagnostic.where.line, diagnostic.where.column);
  }
  if (!text.empty()) text += ": ";
  text += diagnostic.message;
  if (!diagnostic.advice.empty()) text += "; " + diagnostic.advice;
  text += "\n";
  if (diagnostic.where.line == 0 || diagnostic.source_line.size() > kWidestLine) return text;
  // Tabs are copied, so that the caret stands under its character however wide they are shown.
  std::string margin;
  std::uint32_t column = 1;
  for (const char c : diagnostic.source_line) {
    if (column >= diagnostic.where.column) break;
    if (continues_character(c)) continue;
    margin += c == '\t' ? '\t' : ' ';
    ++column;
  }
  return text + fmt::format("{:>5} | {}\n      | {}^\n", diagnostic.where.line, diagnostic.source_line, margin);
}

std::string format(std::span<const Diagnostic> diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += format(diagnostic);
  return text;
}

}  // namespace snaphammer::scenario
