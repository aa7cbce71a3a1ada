#include "lib/base/host_threads.h"

#include <charconv>
#include <filesystem>
#include <optional>
#include <sstream>

#include "lib/base/proc_file.h"

namespace snaphammer {
namespace {

namespace fs = std::filesystem;

std::string line_of(const fs::path& file) {
  const std::string text = read_proc_file(file);
  return text.substr(0, text.find('\n'));
}

std::optional<HostThread> look_at_thread(const fs::path& directory) {
  HostThread thread;
  const std::string name = directory.filename().string();
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), thread.id);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  // Before the count: the sleep that is counted then is this one, or one that began after it.
  thread.sleeps_in = line_of(directory / "wchan");
  if (thread.sleeps_in == "0") thread.sleeps_in.clear();
  std::istringstream status(read_proc_file(directory / "status"));
  for (std::string line; std::getline(status, line);) {
    std::istringstream fields(line);
    std::string key;
    fields >> key;
    if (key == "State:") fields >> thread.state;
    if (key == "TracerPid:") fields >> thread.debugger;
    if (key == "voluntary_ctxt_switches:") fields >> thread.switches;
  }
  if (thread.state == '?') return std::nullopt;  // It has ended meanwhile.
  thread.name = line_of(directory / "comm");
  return thread;
}

}  // namespace

std::vector<HostThread> host_threads(pid_t process) {
  std::vector<HostThread> threads;
  std::error_code gone;
  const fs::path tasks = fs::path("/proc") / std::to_string(process) / "task";
  for (fs::directory_iterator at(tasks, gone), end; !gone && at != end; at.increment(gone)) {
    if (std::optional<HostThread> thread = look_at_thread(at->path())) threads.push_back(*std::move(thread));
  }
  return threads;
}

}  // namespace snaphammer
