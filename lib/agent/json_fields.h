// Strict reading of JSON that came from somewhere else: bounded depth, named fields, checked types.
//
//   SNAP_ASSIGN(const nlohmann::json json, parse_json(text));
//   JsonFields fields(json, "exec request");
//   request.id = fields.text("id");
//   request.directory = fields.text("directory", "/");
//   SNAP_TRY(fields.finish());                     // the first thing that was wrong, or an unknown
//   field
//
// Reading goes on after a mistake with empty values, so that code reads straight; finish() tells.
// The json must outlive the reader. Any thread, one at a time.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::agent {

/// Deeper nesting is refused: printing and destroying JSON take stack or time by depth.
inline constexpr int kMaxJsonDepth = 32;

/// One JSON value and nothing after it; kInvalid with the position otherwise.
Result<nlohmann::json> parse_json(std::string_view text);

/// The text of `json` in one line. Bytes that are not UTF-8 become U+FFFD instead of an exception.
std::string print_json(const nlohmann::json& json);

/// The value among `all` whose name_of() is `text`; kInvalid says that `what` has none such.
template <class E>
Result<E> named(std::string_view what, const std::string& text, std::initializer_list<E> all) {
  for (const E value : all) {
    if (name_of(value) == text) return value;
  }
  return Error(ErrorKind::kInvalid, std::string(what) + ": no such value '" + text + "'");
}

class JsonFields {
 public:
  /// `what` names the object in messages: "exec request".
  JsonFields(const nlohmann::json& object, std::string what);

  // With a fallback the field may be missing; without, it must be there.
  std::string text(const char* name, std::optional<std::string> fallback = std::nullopt);
  std::string base64(const char* name, std::optional<std::string> fallback = std::nullopt);
  bool boolean(const char* name, std::optional<bool> fallback = std::nullopt);
  std::int64_t integer(const char* name, std::optional<std::int64_t> fallback = std::nullopt);
  std::uint64_t count(const char* name, std::optional<std::uint64_t> fallback = std::nullopt);
  std::optional<int> optional_int(const char* name);
  std::vector<std::string> texts(const char* name);
  std::map<std::string, std::string> text_map(const char* name);  ///< Missing is empty.
  nlohmann::json any(const char* name);                           ///< Missing is null.
  /// All fields not asked for so far, which are then known.
  nlohmann::json rest();

  Result<void> finish();

 private:
  const nlohmann::json* find(const char* name, bool required);
  void wrong(const char* name, std::string_view expected);

  const nlohmann::json& object_;
  std::string what_;
  std::set<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace snaphammer::agent
