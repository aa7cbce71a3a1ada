// Reading the JSON that another process wrote: names and types are checked, because a worker that crashed or was killed
// may have left anything.
//
//   JsonReader read(json, "run");
//   read("seed", run.seed);
//   read("findings", run.findings);       // with a from_json for the element
//   SNAP_TRY(read.status());              // the first thing that was wrong
#pragma once

#include <cmath>
#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/base/result.h"

namespace snaphammer::report {

class JsonReader {
 public:
  JsonReader(const nlohmann::ordered_json& object, std::string what) : object_(object), what_(std::move(what)) {
    if (!object_.is_object()) fail("is no object");
  }

  void operator()(const char* key, std::string& value) { read(key, value, &nlohmann::ordered_json::is_string, "text"); }
  void operator()(const char* key, bool& value) {
    read(key, value, &nlohmann::ordered_json::is_boolean, "true or false");
  }
  void operator()(const char* key, double& value) { read(key, value, &nlohmann::ordered_json::is_number, "a number"); }
  void operator()(const char* key, std::uint64_t& value) {
    const nlohmann::ordered_json* found = find(key);
    if (found == nullptr) return;
    const bool is_negative = found->is_number_integer() && !found->is_number_unsigned() && *found < 0;
    if (!found->is_number_integer() || is_negative) return fail(fmt::format("'{}' is not a whole number", key));
    value = found->get<std::uint64_t>();
  }
  /// Any JSON; missing is null.
  void operator()(const char* key, nlohmann::json& value) {
    if (status_ && object_.contains(key)) value = object_.at(key);
  }
  void operator()(const char* key, std::optional<double>& value) {
    if (!status_ || !object_.contains(key) || object_.at(key).is_null()) return;
    (*this)(key, value.emplace());
  }
  /// A list, each element read by `element(JsonReader&, T&)`.
  template <class T, class Element>
  void list(const char* key, std::vector<T>& values, Element element) {
    const nlohmann::ordered_json* found = find(key);
    if (found == nullptr) return;
    if (!found->is_array()) return fail(fmt::format("'{}' is no list", key));
    for (std::size_t i = 0; i < found->size(); ++i) {
      JsonReader inner((*found)[i], fmt::format("{}: {} {}", what_, key, i));
      T value{};
      element(inner, value);
      if (!inner.status_) {
        status_ = inner.status_;
        return;
      }
      values.push_back(std::move(value));
    }
  }

  /// The value under `key`, or null after noting that it is missing.
  const nlohmann::ordered_json* find(const char* key) {
    if (!status_) return nullptr;
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    fail(fmt::format("'{}' is missing", key));
    return nullptr;
  }
  void fail(const std::string& why) {
    if (status_) status_ = Error(ErrorKind::kInvalid, fmt::format("{} {}", what_, why));
  }
  const Result<void>& status() const { return status_; }

 private:
  template <class T>
  void read(const char* key, T& value, bool (nlohmann::ordered_json::*is_type)() const noexcept, const char* type) {
    const nlohmann::ordered_json* found = find(key);
    if (found == nullptr) return;
    if (!(found->*is_type)()) return fail(fmt::format("'{}' is not {}", key, type));
    value = found->template get<T>();
  }

  const nlohmann::ordered_json& object_;
  std::string what_;
  Result<void> status_;
};

}  // namespace snaphammer::report
