#include "lib/base/process_use.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include <dirent.h>
#include <unistd.h>

#include "lib/base/proc_file.h"

namespace snaphammer {
namespace {

namespace fs = std::filesystem;

// Done at each look at a guest; a path object for each entry would cost more than all the rest.
Result<std::uint64_t> count_entries(const fs::path& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(directory.c_str()), ::closedir);
  if (!opened) return errno_error("read " + directory.string());
  std::uint64_t count = 0;
  for (errno = 0; const dirent* entry = ::readdir(opened.get());) {
    if (entry->d_name[0] != '.') ++count;
  }
  if (errno != 0) return errno_error("read " + directory.string());
  return count;
}

struct Stat {
  char state = '?';
  pid_t parent = 0;
};

// The second field, the program's name, may hold anything but ends with the last parenthesis.
std::optional<Stat> read_stat(const fs::path& process) {
  const std::string text = read_proc_file(process / "stat");
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  Stat stat;
  if (!(fields >> stat.state >> stat.parent)) return std::nullopt;
  return stat;
}

std::uint64_t count_processes(const std::function<bool(const Stat&)>& wanted) {
  std::error_code error;
  std::uint64_t count = 0;
  for (fs::directory_iterator entry("/proc", error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    const std::optional<Stat> stat = read_stat(entry->path());  // Nothing: it has ended in the meantime.
    if (stat && wanted(*stat)) ++count;
  }
  return count;
}

// By the lists that the kernel keeps of each thread's children, with CONFIG_PROC_CHILDREN; nothing without. One of them may
// be missed when another one is waited for at this very moment (proc(5)).
std::optional<std::uint64_t> count_listed_children(const fs::path& process) {
  static const bool kept = fs::exists("/proc/thread-self/children");
  if (!kept) return std::nullopt;
  std::error_code error;
  std::uint64_t count = 0;
  for (fs::directory_iterator thread(process / "task", error); !error && thread != fs::directory_iterator();
       thread.increment(error)) {
    const std::string list = read_proc_file(thread->path() / "children");  // "4711 4712 "
    count += static_cast<std::uint64_t>(std::count(list.begin(), list.end(), ' '));
  }
  return count;
}

std::uint64_t count_children(pid_t pid, const fs::path& process) {
  if (const auto listed = count_listed_children(process)) return *listed;
  return count_processes([pid](const Stat& stat) { return stat.parent == pid; });
}

}  // namespace

Result<ProcessUse> process_use(pid_t pid) {
  const fs::path process = fs::path("/proc") / std::to_string(pid);
  ProcessUse use;
  SNAP_ASSIGN(use.descriptors, count_entries(process / "fd"));
  if (pid == ::getpid()) --use.descriptors;
  SNAP_ASSIGN(use.threads, count_entries(process / "task"));
  std::ifstream statm(process / "statm");
  std::uint64_t mapped_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(statm >> mapped_pages >> resident_pages)) {
    return Error(ErrorKind::kGone, "process " + std::to_string(pid) + " has ended");
  }
  use.resident = resident_pages * static_cast<ByteCount>(::sysconf(_SC_PAGESIZE));
  use.children = count_children(pid, process);
  return use;
}

std::uint64_t zombies() {
  return count_processes([](const Stat& stat) { return stat.state == 'Z'; });
}

}  // namespace snaphammer
