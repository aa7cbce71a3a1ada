#include "harness/scenario/plan_id.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <xxhash.h>

#include "harness/report/summary_table.h"

namespace snaphammer::scenario {
namespace {

bool is_plain(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.'; }

std::string text_of(const nlohmann::json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

constexpr std::size_t kLongestLabel = 48;

}  // namespace

std::string run_id(const std::string& scenario, const Point& point, std::uint64_t seed) {
  std::string label = report::point_label(point);
  // A label is unambiguous while no value contains what separates values.
  bool is_exact = label.size() <= kLongestLabel;
  for (const auto& [path, value] : point) {
    const std::string text = text_of(value);
    is_exact &= value.is_primitive() && std::all_of(text.begin(), text.end(), is_plain);
    is_exact &= std::all_of(path.begin(), path.end(), is_plain);
  }
  if (!is_exact) {
    std::replace_if(
        label.begin(), label.end(), [](char c) { return !is_plain(c) && c != '=' && c != ','; }, '-');
    label.resize(std::min(label.size(), kLongestLabel));
    const std::string whole = nlohmann::json(point).dump();
    label += fmt::format("-{:016x}", XXH64(whole.data(), whole.size(), 0));
  }
  return label.empty() ? fmt::format("{}.s{}", scenario, seed) : fmt::format("{}.{}.s{}", scenario, label, seed);
}

}  // namespace snaphammer::scenario
