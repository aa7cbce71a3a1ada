#include "harness/scenario/fields.h"

#include <fmt/format.h>

#include "harness/scenario/union.h"

namespace snaphammer::scenario {
namespace {

using nlohmann::json;

std::vector<std::string> names_of(const std::vector<FieldInfo>& fields) {
  std::vector<std::string> names;
  for (const FieldInfo& field : fields) names.push_back(field.name);
  return names;
}

std::string in_path(const Reader& reader) { return reader.path().empty() ? "" : " in " + reader.path(); }

std::string map_of(const std::vector<FieldInfo>& fields) {
  if (fields.empty()) return "an empty map";
  return fmt::format("a map ({})", fmt::join(names_of(fields), ", "));
}

}  // namespace

bool report_no_map(Reader& reader, const Node& node, const std::vector<FieldInfo>& fields) {
  return reader.expected(node, map_of(fields));
}

bool report_unknown_keys(Reader& reader, const Node& node, const std::vector<FieldInfo>& fields) {
  const std::vector<std::string> known = names_of(fields);
  for (const Node::Key& key : node.keys) {
    if (std::find(known.begin(), known.end(), key.name) != known.end()) continue;
    reader.fail(key.where, fmt::format("unknown key '{}'{}", key.name, in_path(reader)), advise_names(key.name, known));
  }
  return false;
}

bool report_missing(Reader& reader, const Node& node, const FieldInfo& field) {
  return reader.fail(node, fmt::format("key '{}' is missing{}", field.name, in_path(reader)),
                     fmt::format("add it: {}, {}", field.name, field.type.expects));
}

bool check_alternatives(Reader& reader, const Node& node, const Alternatives& keys) {
  std::vector<std::string> given;
  for (const std::string& key : keys) {
    if (node.find(key) != nullptr) given.push_back(key);
  }
  if (given.size() == 1) return true;
  const std::string all = fmt::format("`{}`", fmt::join(keys, "`, `"));
  if (given.empty()) return reader.fail(node, fmt::format("one of {} is missing{}", all, in_path(reader)));
  return reader.fail(node, fmt::format("only one of {} can be given{}", all, in_path(reader)),
                     fmt::format("leave out all but one of `{}`", fmt::join(given, "`, `")));
}

TypeInfo struct_info(std::vector<FieldInfo> fields, const std::string& shorthand,
                     const std::vector<Alternatives>& alternatives) {
  TypeInfo info{map_of(fields), schema_of(fields), {}, {}};
  for (const Alternatives& keys : alternatives) {
    json one_of = json::array();
    for (const std::string& key : keys) one_of.push_back({{"required", {key}}});
    info.schema["allOf"].push_back({{"oneOf", std::move(one_of)}});
  }
  for (const FieldInfo& field : fields) {
    if (field.name != shorthand) continue;
    info.expects = fmt::format("{}, or {}", field.type.expects, info.expects);
    info.schema = {{"anyOf", {field.type.schema, info.schema}}};
  }
  info.fields = std::move(fields);
  return info;
}

std::optional<std::size_t> match_shape(Reader& reader, const Node& node, const std::vector<Shape>& shapes) {
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Shape& shape = shapes[i];
    if (!shape.key.empty() && node.find(shape.key) != nullptr) return i;
    const bool is_off = shape.word == "off" && node.text == "false" && !node.quoted;
    if (!shape.word.empty() && node.is_scalar() && (node.text == shape.word || is_off)) return i;
  }
  std::vector<std::string> words;
  std::vector<std::string> keys;
  for (const Shape& shape : shapes) {
    if (!shape.word.empty()) words.push_back(shape.word);
    if (!shape.key.empty()) keys.push_back(shape.key);
  }
  // What looks like a misspelt word or key is answered as such; other scalars go to the shape that takes any.
  const std::string near(node.is_scalar() ? nearest_name(node.text, words) : std::string_view());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const bool takes_any = shapes[i].word.empty() && shapes[i].key.empty();
    if (takes_any && node.is_scalar() && near.empty()) return i;
  }
  std::string advice = near.empty() ? "" : fmt::format("did you mean '{}'?", near);
  if (node.is_map() && !node.keys.empty()) {
    const std::string_view near_key = nearest_name(node.keys.front().name, keys);
    if (!near_key.empty()) advice = fmt::format("did you mean '{}'?", near_key);
  }
  reader.expected(node, union_info(shapes).expects, advice);
  return std::nullopt;
}

TypeInfo union_info(const std::vector<Shape>& shapes) {
  TypeInfo info;
  std::vector<std::string> expects;
  json any_of = json::array();
  for (const Shape& shape : shapes) {
    info.choices.insert(info.choices.end(), shape.type.choices.begin(), shape.type.choices.end());
    if (!shape.word.empty()) {
      expects.push_back(shape.word);
      json words = {shape.word};
      if (shape.word == "off") words.push_back(false);
      any_of.push_back({{"enum", words}});
      continue;
    }
    any_of.push_back(shape.type.schema);
    if (shape.key.empty()) {
      expects.push_back(shape.type.expects);
      info.choices.push_back({shape.type.expects, "as given", {}});
      continue;
    }
    std::vector<std::string> names = names_of(shape.type.fields);
    expects.push_back(fmt::format("{{{}: ...}}", fmt::join(names, ": ..., ")));
    info.choices.push_back({expects.back(), shape.type.fields.front().doc, {}});
  }
  info.expects = fmt::format("one of {}", fmt::join(expects, ", "));
  info.schema = {{"anyOf", any_of}};
  return info;
}

}  // namespace snaphammer::scenario
