#include "harness/scenario/names.h"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <regex.h>

namespace snaphammer::scenario {

bool check_name(Reader& reader, const Node& node, const std::string& text, const NameLookup& lookup) {
  const std::vector<std::string> names = lookup.names();
  if (std::find(names.begin(), names.end(), text) != names.end()) return true;
  return reader.fail(node, fmt::format("unknown {} '{}'", lookup.noun, text), advise_names(text, names));
}

bool check_pattern(Reader& reader, const Node& node, const std::string& text, const std::string& pattern,
                   const std::string& meaning) {
  constexpr std::size_t kLongestText = 256;
  // Not std::regex, which takes milliseconds to begin and one stack frame for each character.
  regex_t expression{};
  [[maybe_unused]] const int refused =
      ::regcomp(&expression, ("^(" + pattern + ")$").c_str(), REG_EXTENDED | REG_NOSUB);
  assert(refused == 0);
  const bool is_text = text.size() <= kLongestText && text.find('\0') == std::string::npos;
  const bool matches = is_text && ::regexec(&expression, text.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&expression);
  return matches || reader.expected(node, meaning);
}

namespace {
std::string shown(const nlohmann::json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }
}  // namespace

void limit_info(TypeInfo& type, const nlohmann::json& low, const nlohmann::json& high) {
  if (low.is_number()) {
    type.schema["minimum"] = low;
    type.schema["maximum"] = high;
    // The range of the C++ type is in the text already, after the noun.
    type.expects.resize(std::min(type.expects.find(" from "), type.expects.size()));
  }
  type.expects += fmt::format(" from {} to {}", shown(low), shown(high));
}

void limit_to_pattern(TypeInfo& type, const std::string& pattern, const std::string& meaning) {
  type.expects = meaning;
  type.schema = {{"type", "string"}, {"pattern", "^(" + pattern + ")$"}};
}

void limit_to_names(TypeInfo& type, const NameLookup& lookup) {
  nlohmann::json& schema = type.schema.contains("items") ? type.schema["items"] : type.schema;
  schema = {{"type", "string"}, {"enum", lookup.names()}};
  type.expects = type.schema.contains("items") ? "a list of names of a " + lookup.noun : "the name of a " + lookup.noun;
}

}  // namespace snaphammer::scenario
