#include "harness/engine/debugger.h"

#include <charconv>
#include <map>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/child_process.h"
#include "lib/base/host_threads.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::engine {
namespace {

using namespace std::chrono_literals;

constexpr Duration kDeafForAMoment = 500ms;
constexpr Duration kBetweenLooksAtThreads = 20ms;

std::vector<std::vector<std::string>> debuggers(pid_t process) {
  const std::string pid = std::to_string(process);
  return {{"gdb", "--batch", "-nx", "-p", pid, "-ex", "thread apply all backtrace 64"},
          {"eu-stack", "-n", "64", "-p", pid}};
}

// A library that was preloaded by a descriptor's name goes by that name in gdb too, which would open its own descriptor
// of that number, and read from it for ever when that is a pipe.
struct PreloadedLibrary {
  UniqueFd file;
  int number = -1;
};

PreloadedLibrary library_by_descriptor(const Process& process) {
  constexpr std::string_view kByDescriptor = "LD_PRELOAD=/proc/self/fd/";
  PreloadedLibrary library;
  const std::size_t at = process.environment.find(kByDescriptor);
  if (at == std::string::npos) return library;
  const char* const digits = process.environment.data() + at + kByDescriptor.size();
  const char* const end = process.environment.data() + process.environment.size();
  if (std::from_chars(digits, end, library.number).ec != std::errc()) return library;
  const std::string link = fmt::format("/proc/{}/fd/{}", process.pid, library.number);
  library.file.reset(::open(link.c_str(), O_RDONLY | O_CLOEXEC));
  return library;
}

Result<ChildProcess> start_debugger(const Process& process, int output) {
  const PreloadedLibrary library = library_by_descriptor(process);
  std::map<int, int> inherit;
  if (library.file) inherit.emplace(library.file.get(), library.number);
  Result<ChildProcess> started = Error(ErrorKind::kUnfit, "no debugger");
  for (std::vector<std::string>& command : debuggers(process.pid)) {
    // Without a server for symbols, which would be asked over the network.
    started = ChildProcess::spawn({.argv = std::move(command),
                                   .environment = {{"DEBUGINFOD_URLS", ""}},
                                   .inherit = inherit,
                                   .output = output,
                                   .error = output});
    if (started) break;
  }
  return started;
}

// A debugger at work on a process. Whatever becomes of it, the process goes on as before, or stands still as before.
class Attached {
 public:
  Attached(const Process& process, bool stood_still, ChildProcess debugger)
      : process_(process), stood_still_(stood_still), debugger_(std::move(debugger)) {}
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;
  ~Attached() {
    if (ended_) return;
    debugger_.kill();
    // It attaches by SIGSTOP, which may still be on its way to a thread, and takes effect once the debugger is gone.
    const int signal = stood_still_ ? SIGSTOP : SIGCONT;
    ::syscall(SYS_pidfd_send_signal, process_.handle.get(), signal, nullptr, 0);
  }

  /// Until it has ended by itself.
  Async<ExitStatus> wait() {
    auto status = co_await debugger_.wait();
    ended_ = status && status->code;
    co_return status;
  }

 private:
  const Process& process_;
  const bool stood_still_;
  ChildProcess debugger_;
  bool ended_ = false;
};

}  // namespace

Awaitable<std::string> undebuggable(pid_t process) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const TimePoint until = SteadyClock::now() + kDeafForAMoment;
  while (true) {
    std::vector<std::string> deaf;
    for (const HostThread& thread : host_threads(process)) {
      if (thread.debugger != 0) co_return fmt::format("process {} debugs it already", thread.debugger);
      if (!thread.is_deaf()) continue;
      deaf.push_back(fmt::format("thread {} '{}' in {}", thread.id, thread.name,
                                 thread.sleeps_in.empty() ? "the kernel" : thread.sleeps_in));
    }
    if (deaf.empty()) co_return std::string();
    if (SteadyClock::now() >= until) {
      co_return fmt::format("a debugger would wait for what sleeps and takes no signal: {}", fmt::join(deaf, ", "));
    }
    timer.expires_after(kBetweenLooksAtThreads);
    auto [error] = co_await timer.async_wait(as_result);
    if (error) co_return "the look at its threads was given up";
  }
}

Awaitable<std::string> print_user_stacks(const Process& process, Duration limit, int output) {
  const bool stood_still = process.is_stopped();
  Result<ChildProcess> debugger = start_debugger(process, output);
  if (!debugger) co_return "neither gdb nor eu-stack is installed";
  Attached attached(process, stood_still, *std::move(debugger));
  const auto status = co_await with_deadline(limit, "the debugger", attached.wait());
  co_return status ? std::string() : status.error().describe();
}

}  // namespace snaphammer::engine
