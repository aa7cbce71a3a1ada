#include "harness/scenario/yaml_text.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>

#include <nlohmann/json.hpp>

namespace snaphammer::scenario {
namespace {

constexpr std::size_t kLineWidth = 110;

/// Whether `text` means the same without quotes wherever it stands. What it means otherwise (a number, a word) is up to
/// who reads it.
bool is_plain(const std::string& text) {
  if (text.empty() || text.back() == ' ') return false;
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  const auto is_harmless = [&](char c) {
    return is_word(c) || std::string_view(" ./+-").find(c) != std::string_view::npos;
  };
  const bool begins_well = is_word(text.front()) || (text.size() > 1 && text.front() == '-' && is_word(text[1]));
  return begins_well && std::ranges::all_of(text, is_harmless);
}

/// Whether it is text without quotes, too: no number, and none of YAML's words.
bool is_plain_text(const std::string& text) {
  static const std::set<std::string, std::less<>> words{"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  std::string lower_case = text;
  std::ranges::transform(text, lower_case.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return is_plain(text) && std::isalpha(static_cast<unsigned char>(text.front())) != 0 && !words.contains(lower_case);
}

std::string scalar(const std::string& text, bool quoted) {
  if (quoted ? is_plain_text(text) : is_plain(text)) return text;
  // JSON strings are YAML strings, whatever is in them.
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_list_of_maps(const Node& node) {
  return node.is_list() && std::ranges::any_of(node.items, [](const Node& item) { return item.is_map(); });
}

std::string block(const Node& node, std::size_t indent);

/// After "key:" or "-", whose text ends at column `at`: on the same line, or below it at `indent`.
std::string value(const Node& node, std::size_t at, std::size_t indent) {
  const std::string line = to_yaml_line(node);
  const bool is_top = indent <= 2 && is_list_of_maps(node);
  if (node.is_scalar() || node.is_null() || node.items.empty() || (!is_top && at + 1 + line.size() <= kLineWidth)) {
    return " " + line + "\n";
  }
  return "\n" + block(node, indent);
}

std::string block(const Node& node, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string text;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    if (node.is_map()) {
      const std::string key = margin + scalar(node.keys[i].name, false) + ":";
      text += key + value(item, key.size(), indent + 2);
      continue;
    }
    const bool is_one_key = item.is_map() && item.items.size() == 1;
    std::string below = is_one_key ? "\n" + block(item, indent + 2) : value(item, indent + 1, indent + 2);
    // A map or a list begins on the line of its dash.
    if (below.front() == '\n') below = " " + below.substr(1 + indent + 2);
    text += margin + "-" + below;
  }
  return text;
}

}  // namespace

std::string to_yaml_line(const Node& node) {
  if (node.is_null()) return "null";
  if (node.is_scalar()) return scalar(node.text, node.quoted);
  std::string text;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0) text += ", ";
    if (node.is_map()) text += scalar(node.keys[i].name, false) + ": ";
    text += to_yaml_line(node.items[i]);
  }
  return node.is_map() ? "{" + text + "}" : "[" + text + "]";
}

std::string to_yaml(const Node& root) { return block(root, 0); }

}  // namespace snaphammer::scenario
