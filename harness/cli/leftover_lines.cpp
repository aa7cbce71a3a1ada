#include "harness/cli/leftover_lines.h"

#include "harness/engine/leftovers.h"

namespace snaphammer::cli {

Result<std::size_t> remove_leftovers(const std::filesystem::path& runtime_base, std::ostream& out) {
  SNAP_ASSIGN(const std::vector<std::string> lines, engine::remove_leftovers(runtime_base));
  for (const std::string& line : lines) out << line << "\n";
  out.flush();
  return lines.size();
}

}  // namespace snaphammer::cli
