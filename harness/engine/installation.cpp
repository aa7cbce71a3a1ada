#include "harness/engine/installation.h"

#include <fstream>
#include <optional>
#include <string>

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kInterposerName = "libsnaphammer-interposer.so";

// The build directory that `program` was built in: the nearest one above it that CMake has
// configured.
std::optional<fs::path> build_tree_of(const fs::path& program) {
  std::error_code ignored;
  for (fs::path directory = program.parent_path(); directory.has_relative_path(); directory = directory.parent_path()) {
    if (fs::exists(directory / "CMakeCache.txt", ignored)) return directory;
  }
  return std::nullopt;
}

// One line, without its end; empty when there is no such file.
std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

}  // namespace

Installation Installation::around(const fs::path& program, const Environment& environment) {
  Installation result{.program = program, .interposer = {}, .guest_image = {}};
  if (const auto build = build_tree_of(program)) {
    result.interposer = *build / "lib" / "interposer" / kInterposerName;
    result.guest_image = first_line(*build / "guest-image.path");
  } else {
    const fs::path library = program.parent_path().parent_path() / "lib" / "snaphammer";
    result.interposer = library / kInterposerName;
    result.guest_image = library / "guest-image";
  }
  if (const std::string given = environment.get("SNAPHAMMER_INTERPOSER"); !given.empty()) result.interposer = given;
  if (const std::string given = environment.get("SNAPHAMMER_IMAGE"); !given.empty()) result.guest_image = given;
  return result;
}

Result<Installation> Installation::of_this_process() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return errno_error("read /proc/self/exe", error.value());
  return around(program, Environment::of_this_process());
}

}  // namespace snaphammer::engine
