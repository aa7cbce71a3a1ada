#include "guest-workloads/workloads/base/generation.h"

#include "guest-workloads/workloads/base/small_file.h"

namespace snaphammer::workload {

namespace {

/// The value of one text field of the agent's JSON.
std::string read_field(const std::string& path, const std::string& name) {
  const std::string text = read_small_file(path);
  const std::string field = "\"" + name + "\":\"";
  const std::size_t at = text.find(field);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + field.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

}  // namespace

std::string read_generation(const std::string& path) { return read_field(path, "generation"); }
std::string read_clock_setting(const std::string& path) { return read_field(path, "clock_setting"); }

}  // namespace snaphammer::workload
