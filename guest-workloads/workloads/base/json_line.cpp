#include "guest-workloads/workloads/base/json_line.h"

namespace snaphammer::workload {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

void append_quoted(std::string& text, std::string_view value) {
  text += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      text += "\\u00";
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  text += '"';
}

}  // namespace

JsonObject& JsonObject::add_raw(std::string_view name, std::string_view value) {
  if (!fields_.empty()) fields_ += ',';
  append_quoted(fields_, name);
  fields_ += ':';
  fields_ += value;
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, std::string_view value) {
  std::string quoted;
  append_quoted(quoted, value);
  return add_raw(name, quoted);
}

JsonObject& JsonObject::add_all(const JsonObject& other) {
  if (!fields_.empty() && !other.fields_.empty()) fields_ += ',';
  fields_ += other.fields_;
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) {
    if (!list.empty()) list += ',';
    append_quoted(list, value);
  }
  return add_raw(name, "[" + list + "]");
}

JsonObject& JsonObject::add(std::string_view name, const std::vector<std::uint64_t>& values) {
  std::string list;
  for (const std::uint64_t value : values) {
    if (!list.empty()) list += ',';
    list += std::to_string(value);
  }
  return add_raw(name, "[" + list + "]");
}

std::string finding_line(std::string_view id, std::string_view message, const JsonObject& evidence) {
  return JsonObject("finding").add("id", id).add("message", message).add("evidence", evidence).line();
}

std::string verdict_line(bool pass, const JsonObject& counters) {
  return JsonObject("verdict").add("pass", pass).add_all(counters).line();
}

std::string refused_line(std::string_view command, std::string_view why) {
  return JsonObject("refused").add("command", command).add("why", why).line();
}

std::string hex(std::uint64_t number) {
  std::string text;
  do {
    text.insert(text.begin(), kDigits[number & 15]);
    number >>= 4;
  } while (number != 0);
  return "0x" + text;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace snaphammer::workload
