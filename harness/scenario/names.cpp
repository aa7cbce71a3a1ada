#include "harness/scenario/names.h"

#include <algorithm>
#include <regex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace snaphammer::scenario {

bool check_name(Reader& reader, const Node& node, const std::string& text, const NameLookup& lookup) {
  const std::vector<std::string> names = lookup.names();
  if (std::find(names.begin(), names.end(), text) != names.end()) return true;
  return reader.fail(node, fmt::format("unknown {} '{}'", lookup.noun, text), advise_names(text, names));
}

bool check_pattern(Reader& reader, const Node& node, const std::string& text, const std::string& pattern,
                   const std::string& meaning) {
  constexpr std::size_t kLongestText = 256;  // Names are short, and std::regex recurses once per character.
  if (text.size() <= kLongestText && std::regex_match(text, std::regex(pattern))) return true;
  return reader.expected(node, meaning);
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

void limit_to_names(TypeInfo& type, const NameLookup& lookup) {
  nlohmann::json& schema = type.schema.contains("items") ? type.schema["items"] : type.schema;
  schema = {{"type", "string"}, {"enum", lookup.names()}};
  type.expects = type.schema.contains("items") ? "a list of names of a " + lookup.noun : "the name of a " + lookup.noun;
}

}  // namespace snaphammer::scenario
