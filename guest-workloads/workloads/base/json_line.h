// The lines that a workload writes, as the contract of lib/agent/workload_protocol.h has them: JSON objects whose first
// field is their type. The agent forwards a finding by that prefix, unread.
//
//   output.write(JsonObject("beat").add("round", 3).add("phase", "filled").line());
//   output.write(finding_line("lost-write", "page 7 lost ...", JsonObject().add("page", 7).add("read", hex(bytes))));
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace snaphammer::workload {

class JsonObject {
 public:
  JsonObject() = default;
  explicit JsonObject(std::string_view type) { add("type", type); }

  template <std::integral I>
  requires(!std::same_as<I, bool>) JsonObject& add(std::string_view name, I value) {
    return add_raw(name, std::to_string(value));
  }
  JsonObject& add(std::string_view name, std::same_as<bool> auto value) {
    return add_raw(name, value ? "true" : "false");
  }
  JsonObject& add(std::string_view name, std::string_view value);
  JsonObject& add(std::string_view name, const char* value) { return add(name, std::string_view(value)); }
  JsonObject& add(std::string_view name, const JsonObject& value) { return add_raw(name, value.text()); }
  JsonObject& add(std::string_view name, const std::vector<std::string>& values);
  JsonObject& add(std::string_view name, const std::vector<std::uint64_t>& values);
  /// Takes over all fields of another.
  JsonObject& add_all(const JsonObject& other);

  std::string text() const { return "{" + fields_ + "}"; }
  std::string line() const { return text() + "\n"; }

 private:
  JsonObject& add_raw(std::string_view name, std::string_view value);

  std::string fields_;
};

std::string finding_line(std::string_view id, std::string_view message, const JsonObject& evidence);
/// `counters`: what was really looked at, so that a pass can be told from a check of nothing.
std::string verdict_line(bool pass, const JsonObject& counters);
/// Instead of the answer to `command`, which cannot be obeyed.
std::string refused_line(std::string_view command, std::string_view why);

/// "0x7f00", without leading zeros.
std::string hex(std::uint64_t number);
/// Two digits each.
std::string hex(std::span<const std::uint8_t> bytes);

}  // namespace snaphammer::workload
