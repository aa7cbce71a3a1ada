#include "harness/engine/debugger.h"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/child_process.h"
#include "lib/base/host_threads.h"

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

Result<ChildProcess> start_debugger(const Process& process, int output) {
  Result<ChildProcess> started = Error(ErrorKind::kUnfit, "no debugger");
  for (std::vector<std::string>& command : debuggers(process.pid)) {
    // Without a server for symbols, which would be asked over the network.
    started = ChildProcess::spawn(
        {.argv = std::move(command), .environment = {{"DEBUGINFOD_URLS", ""}}, .output = output, .error = output});
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
