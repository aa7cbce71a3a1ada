#include "harness/engine/host_memory.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

// The number after `key`, in a file of "key number" lines.
std::optional<std::uint64_t> number_after(const fs::path& file, std::string_view key) {
  std::ifstream stream(file);
  for (std::string word; stream >> word;) {
    std::uint64_t number = 0;
    if (word == key && stream >> number) return number;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> number_in(const fs::path& file) {
  std::uint64_t number = 0;
  if (std::ifstream(file) >> number) return number;
  return std::nullopt;  // Also "max".
}

struct Hierarchy {
  std::string_view controllers;  // As in /proc/self/cgroup.
  std::string_view mounted;
  const char* limit;
  const char* usage;
  const char* idle_file_pages;  // In memory.stat.
};
constexpr Hierarchy kHierarchies[] = {
    {"", "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {"memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
};

std::optional<ByteCount> left_in(const fs::path& group, const Hierarchy& hierarchy) {
  const auto limit = number_in(group / hierarchy.limit);
  const auto usage = number_in(group / hierarchy.usage);
  if (!limit || !usage) return std::nullopt;
  const std::uint64_t idle = number_after(group / "memory.stat", hierarchy.idle_file_pages).value_or(0);
  const std::uint64_t held = *usage - std::min(idle, *usage);
  return *limit - std::min(held, *limit);
}

// The group of this process, from a line such as "0::/user.slice" or "4:memory:/docker/1a2b".
std::optional<fs::path> own_group(const fs::path& root, const Hierarchy& hierarchy) {
  std::ifstream stream(root / "proc/self/cgroup");
  for (std::string line; std::getline(stream, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.substr(first + 1, second - first - 1) != hierarchy.controllers) continue;
    return fs::path(line.substr(second + 1)).relative_path();
  }
  return std::nullopt;
}

}  // namespace

std::optional<ByteCount> available_memory(const fs::path& root) {
  const auto kib = number_after(root / "proc/meminfo", "MemAvailable:");
  if (!kib) return std::nullopt;
  ByteCount available = *kib << 10;
  for (const Hierarchy& hierarchy : kHierarchies) {
    std::optional<fs::path> group = own_group(root, hierarchy);
    // A limit of any group around it holds, too; in a container the outer ones are out of sight.
    while (group) {
      const auto left = left_in(root / hierarchy.mounted / *group, hierarchy);
      if (left) available = std::min(available, *left);
      group = group->empty() ? std::nullopt : std::optional(group->parent_path());
    }
  }
  return available;
}

}  // namespace snaphammer::engine
