#include "harness/scenario/codec.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace snaphammer::scenario {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> kTrueWords{"true", "on", "yes"};
constexpr std::array<std::string_view, 3> kFalseWords{"false", "off", "no"};

/// YAML 1.1 and 1.2 disagree about `on` and `off`; here all of their spellings mean the same, quoted or not.
std::optional<bool> truth_of(const Node& node) {
  if (!node.is_scalar()) return std::nullopt;
  std::string word = node.text;
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (std::find(kTrueWords.begin(), kTrueWords.end(), word) != kTrueWords.end()) return true;
  if (std::find(kFalseWords.begin(), kFalseWords.end(), word) != kFalseWords.end()) return false;
  return std::nullopt;
}

/// Reads a scalar with one of lib/base/units.h's parsers.
template <class T>
bool read_with_unit(Reader& reader, const Node& node, const TypeInfo& info, Result<T> (*parse)(std::string_view),
                    T& value) {
  if (!node.is_scalar()) return reader.expected(node, info.expects);
  Result<T> parsed = parse(node.text);
  if (!parsed) return reader.invalid(node, parsed.error().message(), parsed.error().advice());
  value = *parsed;
  return true;
}

}  // namespace

std::optional<std::size_t> Words::read(Reader& reader, const Node& node) const {
  const auto index_of = [&](std::string_view word) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      if (infos_[i].name == word) return i;
    }
    return std::nullopt;
  };
  if (node.is_scalar()) {
    if (const auto index = index_of(node.text)) return index;
    if (const auto truth = truth_of(node)) {
      if (const auto index = index_of(*truth ? "on" : "off")) return index;
    }
  }
  std::vector<std::string> names;
  for (const ChoiceInfo& info : infos_) names.push_back(info.name);
  const std::string_view near = node.is_scalar() ? nearest_name(node.text, names) : std::string_view();
  reader.expected(node, info().expects, near.empty() ? "" : fmt::format("did you mean '{}'?", near));
  return std::nullopt;
}

TypeInfo Words::info() const {
  TypeInfo type;
  std::vector<std::string> names;
  for (const ChoiceInfo& choice : infos_) names.push_back(choice.name);
  type.expects = fmt::format("one of {}", fmt::join(names, ", "));
  type.schema = {{"enum", names}};
  // An editor or validator that follows YAML 1.1 sees an unquoted off and on as booleans.
  for (const std::string& name : names) {
    if (name == "off") type.schema["enum"].push_back(false);
    if (name == "on") type.schema["enum"].push_back(true);
  }
  type.choices = infos_;
  return type;
}

bool Codec<bool>::read(Reader& reader, const Node& node, bool& value) {
  const auto truth = truth_of(node);
  if (!truth) return reader.expected(node, info().expects);
  value = *truth;
  return true;
}
TypeInfo Codec<bool>::info() {
  return {"true or false", {{"enum", {true, false, "on", "off", "yes", "no", "true", "false"}}}, {}, {}};
}

bool Codec<std::string>::read(Reader& reader, const Node& node, std::string& value) {
  if (!node.is_scalar()) return reader.expected(node, info().expects);
  value = node.text;
  return true;
}
TypeInfo Codec<std::string>::info() { return {"text", {{"type", {"string", "number", "boolean"}}}, {}, {}}; }

bool Codec<double>::read(Reader& reader, const Node& node, double& value) {
  const json number = node.is_scalar() ? free_json(node) : json();
  if (!number.is_number()) return reader.expected(node, info().expects);
  value = number.get<double>();
  return true;
}
TypeInfo Codec<double>::info() { return {"a number", {{"type", "number"}}, {}, {}}; }

bool Codec<Duration>::read(Reader& reader, const Node& node, Duration& value) {
  return read_with_unit<Duration>(reader, node, info(), parse_duration, value);
}
TypeInfo Codec<Duration>::info() {
  return {"a duration such as 250ms",
          {{"type", "string"}, {"pattern", "^[0-9]*\\.?[0-9]+([eE][+-]?[0-9]+)?(ns|us|ms|s|m|h)$"}},
          {},
          {}};
}

bool SizeCodec::read(Reader& reader, const Node& node, ByteCount& value) {
  return read_with_unit<ByteCount>(reader, node, info(), parse_bytes, value);
}
TypeInfo SizeCodec::info() {
  return {"a size such as 256MiB", {{"type", "string"}, {"pattern", "^[0-9]+(B|KiB|MiB|GiB|TiB)$"}}, {}, {}};
}

bool Codec<json>::read(Reader&, const Node& node, json& value) {
  value = free_json(node);
  return true;
}
TypeInfo Codec<json>::info() { return {"any value", true, {}, {}}; }

bool read_integer(Reader& reader, const Node& node, std::int64_t min, std::uint64_t max, bool& negative,
                  std::uint64_t& magnitude) {
  const auto bad = [&](std::string advice = {}) {
    return reader.expected(node, integer_info(min, max).expects, std::move(advice));
  };
  if (!node.is_scalar()) return bad();
  if (node.quoted) return bad("quotes make it a text: leave them out");
  std::string_view digits = node.text;
  negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return bad();
  const std::uint64_t bound = negative ? 0 - static_cast<std::uint64_t>(min) : max;
  return magnitude <= bound || bad();
}

TypeInfo integer_info(std::int64_t min, std::uint64_t max) {
  const std::string low = min < 0 && min == std::numeric_limits<std::int64_t>::min() ? "" : std::to_string(min);
  const bool is_wide = max >= static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
  std::string expects = "a whole number";
  if (!is_wide) {
    expects += fmt::format(" from {} to {}", min, max);
  } else if (min >= 0) {
    expects += fmt::format(" from {}", low);
  }
  json schema{{"type", "integer"}, {"maximum", max}};
  schema["minimum"] = min;
  return {expects, schema, {}, {}};
}

TypeInfo list_info(const TypeInfo& element) {
  return {"a list", {{"type", "array"}, {"items", element.schema}}, element.choices, element.fields};
}

}  // namespace snaphammer::scenario
