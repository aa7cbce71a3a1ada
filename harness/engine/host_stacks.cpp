#include "harness/engine/host_stacks.h"

#include <algorithm>
#include <fstream>
#include <string>

#include <fcntl.h>

#include "lib/base/child_process.h"
#include "lib/base/proc_file.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Duration kGdbDeadline = 10s;

std::string proc_line(const fs::path& file) {
  const std::string text = read_proc_file(file);
  return text.substr(0, text.find('\n'));
}

void write_kernel_side(const Process& process, std::ostream& out) {
  out << "process " << process.describe() << "\n";
  const fs::path tasks = fs::path("/proc") / std::to_string(process.pid) / "task";
  std::error_code error;
  for (auto task = fs::directory_iterator(tasks, error); !error && task != fs::directory_iterator();
       task.increment(error)) {
    const fs::path& directory = task->path();
    out << "  thread " << directory.filename().string() << " '" << proc_line(directory / "comm") << "' waits in "
        << proc_line(directory / "wchan") << ", system call " << proc_line(directory / "syscall") << "\n";
    std::ifstream stack(directory / "stack");
    for (std::string line; std::getline(stack, line);) out << "    " << line << "\n";
  }
}

// gdb stops the process while it looks, which is why only processes about to be killed are looked at.
Awaitable<void> write_user_side(const Process& process, int output) {
  Result<ChildProcess> gdb = ChildProcess::spawn(
      {.argv = {"gdb", "--batch", "-nx", "-p", std::to_string(process.pid), "-ex", "thread apply all backtrace 64"},
       .output = output,
       .error = output});
  if (!gdb) co_return;
  // A gdb that hangs on a hung process is killed with `gdb` at the end.
  co_await with_deadline(kGdbDeadline, "gdb", gdb->wait());
}

}  // namespace

Awaitable<void> write_host_stacks(std::vector<Process> processes, fs::path file) {
  {
    std::ofstream out(file);
    for (const Process& process : processes) write_kernel_side(process, out);
  }
  const UniqueFd output(::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!output) co_return;
  for (const Process& process : processes) co_await write_user_side(process, output.get());
}

}  // namespace snaphammer::engine
