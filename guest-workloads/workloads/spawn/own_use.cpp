#include "guest-workloads/workloads/spawn/own_use.h"

#include <cstdio>
#include <memory>
#include <string>

#include <dirent.h>
#include <unistd.h>

namespace snaphammer::spawn {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

std::uint64_t count_descriptors() {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir("/proc/self/fd"));
  if (!directory) return 0;
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(directory.get())) count += entry->d_name[0] != '.';
  return count - 1;  // Not the one that reads the directory.
}

}  // namespace

OwnUse own_use() {
  OwnUse use;
  use.descriptors = count_descriptors();
  unsigned long mapped = 0, resident = 0;
  const File file(std::fopen("/proc/self/statm", "re"));
  const auto page_kib = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024;
  if (file && std::fscanf(file.get(), "%lu %lu", &mapped, &resident) == 2) {
    use.mapped_kib = mapped * page_kib;
    use.resident_kib = resident * page_kib;
  }
  return use;
}

std::vector<pid_t> own_children() {
  std::vector<pid_t> children;
  const std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  const File file(std::fopen(path.c_str(), "re"));
  int child = 0;
  while (file && std::fscanf(file.get(), "%d", &child) == 1) children.push_back(child);
  return children;
}

std::optional<ProcessState> process_state(pid_t process) {
  const File file(std::fopen(("/proc/" + std::to_string(process) + "/stat").c_str(), "re"));
  if (!file) return std::nullopt;
  char text[1024];
  const std::size_t size = std::fread(text, 1, sizeof text - 1, file.get());
  text[size] = '\0';
  // The second field, the program's name, may hold anything but ends with the last parenthesis.
  const std::string fields(text, size);
  const std::size_t name_end = fields.rfind(')');
  ProcessState state;
  unsigned long long started = 0;
  // proc(5): state, ppid, then 17 more fields before starttime, the 22nd of all.
  constexpr const char* kFormat = " %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu";
  if (name_end == std::string::npos ||
      std::sscanf(fields.c_str() + name_end + 1, kFormat, &state.state, &state.parent, &started) != 3) {
    return std::nullopt;
  }
  state.started = started;
  return state;
}

}  // namespace snaphammer::spawn
