#include "harness/engine/host_stacks.h"

#include <fstream>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>

#include "harness/engine/debugger.h"
#include "lib/base/host_threads.h"
#include "lib/base/proc_file.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Duration kDebuggerDeadline = 10s;

// The name in front, and what there is to say behind, are lines of their own in the same file.
Awaitable<void> append_user_side(const Process& process, Duration limit, const fs::path& file) {
  std::string obstacle = co_await undebuggable(process.pid);
  std::ofstream(file, std::ios::app) << "user stacks of process " << process.describe() << "\n";
  if (obstacle.empty()) {
    const UniqueFd output(::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (output) obstacle = co_await print_user_stacks(process, limit, output.get());
  }
  if (!obstacle.empty()) std::ofstream(file, std::ios::app) << "  " << obstacle << "\n";
}

}  // namespace

void write_kernel_side(const Process& process, std::ostream& out) {
  out << "process " << process.describe() << "\n";
  for (const HostThread& thread : host_threads(process.pid)) {
    const fs::path directory = fs::path("/proc") / std::to_string(process.pid) / "task" / std::to_string(thread.id);
    const std::string system_call = read_proc_file(directory / "syscall");
    out << fmt::format("  thread {} '{}', state {}{}, system call {}\n", thread.id, thread.name, thread.state,
                       thread.sleeps_in.empty() ? "" : ", in " + thread.sleeps_in,
                       system_call.substr(0, system_call.find('\n')));
    std::istringstream stack(read_proc_file(directory / "stack"));
    for (std::string line; std::getline(stack, line);) out << "    " << line << "\n";
  }
}

Awaitable<void> append_user_stacks(std::vector<Process> processes, Duration limit, fs::path file) {
  for (const Process& process : processes) co_await append_user_side(process, limit, file);
}

Awaitable<void> write_host_stacks(std::vector<Process> processes, fs::path file) {
  {
    std::ofstream out(file);
    for (const Process& process : processes) write_kernel_side(process, out);
  }
  co_await append_user_stacks(std::move(processes), kDebuggerDeadline, std::move(file));
}

}  // namespace snaphammer::engine
