#include "harness/scenario/type_info.h"

#include <fmt/format.h>

namespace snaphammer::scenario {

using nlohmann::json;

namespace {

/// No text is no default: what it then means is in the doc.
bool has_default(const FieldInfo& field) { return !field.default_value.is_null() && field.default_value != ""; }

}  // namespace

json schema_of(const std::vector<FieldInfo>& fields) {
  json properties = json::object();
  json required = json::array();
  for (const FieldInfo& field : fields) {
    json schema = field.type.schema;
    if (!schema.is_object()) schema = json::object();
    schema["description"] = field.doc;
    if (has_default(field)) schema["default"] = field.default_value;
    properties[field.name] = std::move(schema);
    if (field.required) required.push_back(field.name);
  }
  // A key without a value is a map of defaults, so null is allowed unless something is required.
  json schema{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (required.empty()) {
    schema["type"] = {"object", "null"};
  } else {
    schema["required"] = std::move(required);
  }
  return schema;
}

std::string help_for(const std::vector<FieldInfo>& fields, unsigned indent) {
  std::size_t widest = 0;
  for (const FieldInfo& field : fields) widest = std::max(widest, field.name.size());
  std::string text;
  for (const FieldInfo& field : fields) {
    std::string state;
    if (field.required) {
      state = " (required)";
    } else if (has_default(field) && field.type.fields.empty()) {
      const json& value = field.default_value;
      state = fmt::format(" (default: {})", value.is_string() ? value.get<std::string>() : value.dump());
    }
    text += fmt::format("{:{}}{:{}}  {}{}\n", "", indent, field.name, widest, field.doc, state);
    if (!field.type.choices.empty()) {
      for (const ChoiceInfo& choice : field.type.choices) {
        const std::string seen = choice.seen_in.empty() ? "" : fmt::format(" [{}]", choice.seen_in);
        text += fmt::format("{:{}}{}: {}{}\n", "", indent + widest + 4, choice.name, choice.meaning, seen);
      }
    } else if (field.type.fields.empty()) {
      text += fmt::format("{:{}}{}\n", "", indent + widest + 4, field.type.expects);
    }
    text += help_for(field.type.fields, static_cast<unsigned>(indent + widest + 4));
  }
  return text;
}

const FieldInfo* find_field(const std::vector<FieldInfo>& fields, std::string_view path) {
  const std::size_t dot = path.find('.');
  for (const FieldInfo& field : fields) {
    if (field.name != path.substr(0, dot)) continue;
    return dot == std::string_view::npos ? &field : find_field(field.type.fields, path.substr(dot + 1));
  }
  return nullptr;
}

}  // namespace snaphammer::scenario
