#include "guest-workloads/workloads/base/generation.h"

#include <string_view>

#include "guest-workloads/workloads/base/small_file.h"

namespace snaphammer::workload {

// The value of one text field of the agent's JSON.
std::string read_generation(const std::string& path) {
  const std::string text = read_small_file(path);
  constexpr std::string_view kField = "\"generation\":\"";
  const std::size_t at = text.find(kField);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + kField.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

}  // namespace snaphammer::workload
