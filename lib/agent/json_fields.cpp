#include "lib/agent/json_fields.h"

#include <limits>

#include "lib/agent/base64.h"

namespace snaphammer::agent {
namespace {

// Whether brackets nest deeper than allowed, looked at before the parser builds anything.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text) {
  if (too_deep(text)) {
    return Error(ErrorKind::kInvalid, "JSON nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  }
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    return Error(ErrorKind::kInvalid, error.what());
  }
}

std::string print_json(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

JsonFields::JsonFields(const nlohmann::json& object, std::string what) : object_(object), what_(std::move(what)) {
  if (!object_.is_object()) error_ = Error(ErrorKind::kInvalid, what_ + ": not a JSON object");
}

const nlohmann::json* JsonFields::find(const char* name, bool required) {
  known_.insert(name);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  if (found != object_.end()) return &*found;
  if (required) wrong(name, "to be there");
  return nullptr;
}

void JsonFields::wrong(const char* name, std::string_view expected) {
  if (error_) return;
  error_ = Error(ErrorKind::kInvalid, what_ + ": field '" + name + "': expected it " + std::string(expected));
}

std::string JsonFields::text(const char* name, std::optional<std::string> fallback) {
  const auto* value = find(name, !fallback);
  if (value == nullptr) return fallback.value_or("");
  if (!value->is_string()) return wrong(name, "to be a string"), "";
  return value->get<std::string>();
}

std::string JsonFields::base64(const char* name, std::optional<std::string> fallback) {
  const auto* value = find(name, !fallback);
  if (value == nullptr) return fallback.value_or("");
  if (!value->is_string()) return wrong(name, "to be base64 in a string"), "";
  auto bytes = base64_decode(value->get_ref<const std::string&>());
  if (!bytes) return wrong(name, "to be base64"), "";
  return *std::move(bytes);
}

bool JsonFields::boolean(const char* name, std::optional<bool> fallback) {
  const auto* value = find(name, !fallback);
  if (value == nullptr) return fallback.value_or(false);
  if (!value->is_boolean()) return wrong(name, "to be true or false"), false;
  return value->get<bool>();
}

std::int64_t JsonFields::integer(const char* name, std::optional<std::int64_t> fallback) {
  const auto* value = find(name, !fallback);
  if (value == nullptr) return fallback.value_or(0);
  const bool fits =
      value->is_number_integer() &&
      (!value->is_number_unsigned() || value->get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max());
  if (!fits) return wrong(name, "to be a whole number"), 0;
  return value->get<std::int64_t>();
}

std::uint64_t JsonFields::count(const char* name, std::optional<std::uint64_t> fallback) {
  const auto* value = find(name, !fallback);
  if (value == nullptr) return fallback.value_or(0);
  const bool negative = !value->is_number_unsigned() && value->is_number_integer() && value->get<std::int64_t>() < 0;
  if (!value->is_number_integer() || negative) return wrong(name, "to be a whole number, not negative"), 0;
  return value->get<std::uint64_t>();
}

std::optional<int> JsonFields::optional_int(const char* name) {
  if (find(name, false) == nullptr) return std::nullopt;
  const std::int64_t value = integer(name);
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    wrong(name, "to fit an int");
    return std::nullopt;
  }
  return static_cast<int>(value);
}

std::vector<std::string> JsonFields::texts(const char* name) {
  const auto* value = find(name, true);
  if (value == nullptr) return {};
  std::vector<std::string> result;
  if (!value->is_array()) return wrong(name, "to be an array of strings"), result;
  for (const auto& item : *value) {
    if (!item.is_string()) return wrong(name, "to be an array of strings"), result;
    result.push_back(item.get<std::string>());
  }
  return result;
}

std::map<std::string, std::string> JsonFields::text_map(const char* name) {
  const auto* value = find(name, false);
  if (value == nullptr) return {};
  std::map<std::string, std::string> result;
  if (!value->is_object()) return wrong(name, "to be an object of strings"), result;
  for (const auto& [key, item] : value->items()) {
    if (!item.is_string()) return wrong(name, "to be an object of strings"), result;
    result.emplace(key, item.get<std::string>());
  }
  return result;
}

nlohmann::json JsonFields::any(const char* name) {
  const auto* value = find(name, false);
  return value == nullptr ? nlohmann::json() : *value;
}

nlohmann::json JsonFields::rest() {
  nlohmann::json result = nlohmann::json::object();
  if (!object_.is_object()) return result;
  for (const auto& [key, value] : object_.items()) {
    if (known_.insert(key).second) result[key] = value;
  }
  return result;
}

Result<void> JsonFields::finish() {
  if (error_) return *error_;
  for (const auto& [key, value] : object_.items()) {
    if (!known_.contains(key)) {
      return Error(ErrorKind::kInvalid, what_ + ": unknown field '" + key + "'");
    }
  }
  return {};
}

}  // namespace snaphammer::agent
