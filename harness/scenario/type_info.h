// What is known of a value's type without a value: for error messages, the JSON Schema, and `describe`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace snaphammer::scenario {

/// One allowed word of a choice.
struct ChoiceInfo {
  std::string name;
  std::string meaning;
  std::string seen_in;  ///< Which real system behaved so, when it is a defect.
};

struct FieldInfo;

struct TypeInfo {
  std::string expects;              ///< Completes "expected ...": "a size such as 256MiB".
  nlohmann::json schema;            ///< JSON Schema (draft 2020-12) of the value.
  std::vector<ChoiceInfo> choices;  ///< The words, when the type has some.
  std::vector<FieldInfo> fields;    ///< The keys, when it is a map.
};

struct FieldInfo {
  std::string name;
  std::string doc;  ///< One line.
  bool required = false;
  nlohmann::json default_value;  ///< Null when there is none, or when it is required.
  TypeInfo type;
};

/// The JSON Schema of a map with these keys and no others.
nlohmann::json schema_of(const std::vector<FieldInfo>& fields);

/// The keys as help text: one aligned line per key with type, default and doc, words and nested keys below it.
std::string help_for(const std::vector<FieldInfo>& fields, unsigned indent = 2);

/// Finds `runtime.uffd.on_remove` style paths; null when there is none.
const FieldInfo* find_field(const std::vector<FieldInfo>& fields, std::string_view path);

}  // namespace snaphammer::scenario
