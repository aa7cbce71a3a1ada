#include "harness/oracles/faulting_threads.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

namespace snaphammer::oracles {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFunction = "handle_userfault";

std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

std::uint64_t switches_of(const fs::path& thread) {
  std::ifstream status(thread / "status");
  for (std::string name; status >> name;) {
    std::uint64_t count = 0;
    if (name == "voluntary_ctxt_switches:" && status >> count) return count;
  }
  return 0;
}

std::optional<pid_t> id_of(const fs::path& thread) {
  const std::string name = thread.filename().string();
  pid_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return id;
}

}  // namespace

FaultingThreads faulting_threads(pid_t process) {
  FaultingThreads threads;
  std::error_code gone;
  const fs::path tasks = fs::path("/proc") / std::to_string(process) / "task";
  for (fs::directory_iterator at(tasks, gone), end; !gone && at != end; at.increment(gone)) {
    const std::optional<pid_t> id = id_of(at->path());
    if (!id || first_line(at->path() / "wchan") != kFunction) continue;
    threads[*id] = {.name = first_line(at->path() / "comm"), .switches = switches_of(at->path())};
  }
  return threads;
}

FaultingThreads still_waiting(const FaultingThreads& before, const FaultingThreads& now) {
  FaultingThreads same;
  for (const auto& [id, thread] : before) {
    const auto found = now.find(id);
    if (found != now.end() && found->second == thread) same.emplace(id, thread);
  }
  return same;
}

}  // namespace snaphammer::oracles
