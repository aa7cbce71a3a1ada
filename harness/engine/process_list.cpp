#include "harness/engine/process_list.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/host_threads.h"
#include "lib/base/proc_file.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// SIGKILL takes effect at once, but giving back a guest's memory takes its time on a busy machine.
constexpr Duration kDeathOfAKilledProcess = 10s;

struct Stat {
  std::string name;
  pid_t parent = -1;
};

// "4711 (name, which may hold anything) S 4710 ..."
std::optional<Stat> parse_stat(const std::string& text) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 4 >= text.size()) return std::nullopt;
  Stat stat;
  stat.name = text.substr(open + 1, close - open - 1);
  const char* const parent = text.data() + close + 4;
  const auto [end, error] = std::from_chars(parent, text.data() + text.size(), stat.parent);
  if (error != std::errc()) return std::nullopt;
  return stat;
}

std::string command_of(const fs::path& directory, const std::string& name) {
  std::string command = read_proc_file(directory / "cmdline");
  while (!command.empty() && command.back() == '\0') command.pop_back();
  if (command.empty()) return "[" + name + "]";
  std::replace(command.begin(), command.end(), '\0', ' ');
  constexpr std::size_t kLongest = 200;
  if (command.size() > kLongest) command = command.substr(0, kLongest) + "...";
  return command;
}

fs::path directory_of(pid_t pid) { return fs::path("/proc") / std::to_string(pid); }

// What decides whether a process is wanted.
std::optional<Process> glance_at(pid_t pid, std::string* name = nullptr) {
  const auto stat = parse_stat(read_proc_file(directory_of(pid) / "stat"));
  if (!stat) return std::nullopt;
  if (name != nullptr) *name = stat->name;
  Process process;
  process.pid = pid;
  process.parent = stat->parent;
  process.environment = read_proc_file(directory_of(pid) / "environ");
  return process;
}

std::optional<Process> look_at(pid_t pid) {
  UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!handle) return std::nullopt;  // Ended meanwhile, or a thread.
  std::string name;
  std::optional<Process> process = glance_at(pid, &name);
  if (!process) return std::nullopt;
  process->command = command_of(directory_of(pid), name);
  process->handle = std::move(handle);
  // All of this was about the process that `handle` holds only if that one is still there.
  if (::syscall(SYS_pidfd_send_signal, process->handle.get(), 0, nullptr, 0) != 0 && errno == ESRCH)
    return std::nullopt;
  return process;
}

Async<void> wait_ended(const Process& process) {
  CO_SNAP_ASSIGN(UniqueFd watched, process.handle.duplicate());
  asio::posix::stream_descriptor ended(co_await asio::this_coro::executor, watched.release());
  auto [error] = co_await ended.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
  if (error) co_return asio_error("wait for process " + process.describe(), error);
  co_return Result<void>();
}

void reap(const Process& process) {
  siginfo_t info{};
  // ECHILD for one that is somebody else's child: its parent reaps it.
  ::waitid(P_PIDFD, static_cast<id_t>(process.handle.get()), &info, WEXITED | WNOHANG);
}

}  // namespace

bool Process::has(std::string_view variable, std::string_view value) const {
  std::string_view rest = environment;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find('\0'));
    if (entry.size() == variable.size() + 1 + value.size() && entry.starts_with(variable) &&
        entry[variable.size()] == '=' && entry.ends_with(value)) {
      return true;
    }
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
  }
  return false;
}

std::string Process::describe() const { return std::to_string(pid) + " (" + command + ")"; }

bool Process::is_stopped() const {
  const std::vector<HostThread> threads = host_threads(pid);
  return std::any_of(threads.begin(), threads.end(), [](const HostThread& thread) { return thread.state == 'T'; });
}

std::vector<Process> processes_where(const std::function<bool(const Process&)>& wanted) {
  std::vector<Process> found;
  std::error_code error;
  for (auto entry = fs::directory_iterator("/proc", error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [end, not_a_number] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (not_a_number != std::errc() || pid == ::getpid()) continue;
    std::optional<Process> process = glance_at(pid);
    if (!process || !wanted(*process)) continue;
    process = look_at(pid);
    if (process && wanted(*process)) found.push_back(std::move(*process));
  }
  return found;
}

Async<std::vector<Process>> end_processes(std::vector<Process> processes, Duration settle) {
  const TimePoint settled = SteadyClock::now() + settle;
  std::vector<Process> killed;
  for (Process& process : processes) {
    const Duration left = std::max<Duration>(settled - SteadyClock::now(), 1ms);
    const Result<void> ended = co_await with_deadline(left, "process " + process.describe(), wait_ended(process));
    if (ended) {
      reap(process);
    } else {
      ::syscall(SYS_pidfd_send_signal, process.handle.get(), SIGKILL, nullptr, 0);
      killed.push_back(std::move(process));
    }
  }
  for (const Process& process : killed) {
    CO_SNAP_TRY(
        co_await with_deadline(kDeathOfAKilledProcess, "killed process " + process.describe(), wait_ended(process)));
    reap(process);
  }
  co_return killed;
}

}  // namespace snaphammer::engine
