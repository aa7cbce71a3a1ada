#include "lib/base/child_process.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/search_path.hpp>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace snaphammer {
namespace {

namespace process = boost::process;

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const auto path = process::search_path(name);
  if (path.empty()) {
    return Error(ErrorKind::kUnfit, name + ": no such program in PATH").advise("install it, or set PATH");
  }
  return path.string();
}

// Gives the child its inherited descriptors: each source is first copied above all numbers in use, so that no
// target overwrites a source that is still needed. `parked` has room for one number per descriptor.
int inherit(const std::map<int, int>& descriptors, std::vector<int>& parked) {
  int above = STDERR_FILENO + 1;
  for (const auto& [from, to] : descriptors) above = std::max({above, from + 1, to + 1});
  std::size_t next = 0;
  for (const auto& [from, to] : descriptors) {
    parked[next] = ::fcntl(from, F_DUPFD_CLOEXEC, above);
    if (parked[next++] < 0) return errno;
  }
  next = 0;
  for (const auto& [from, to] : descriptors) {
    if (::dup2(parked[next++], to) < 0) return errno;  // dup2 clears close-on-exec.
  }
  return 0;
}

// Runs in the child between fork and exec: async-signal-safe calls only. Returns 0 or an errno value.
int prepare_child(const SpawnOptions& options, pid_t parent, std::vector<int>& parked) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  if (::getppid() != parent) return ESRCH;  // The parent died before the call above.
  if (::setpgid(0, 0) != 0) return errno;
  sigset_t none;
  ::sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return errno;

  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) return errno;
  if (::dup2(options.input >= 0 ? options.input : null, STDIN_FILENO) < 0) return errno;
  if (options.output >= 0 && ::dup2(options.output, STDOUT_FILENO) < 0) return errno;
  if (options.error >= 0 && ::dup2(options.error, STDERR_FILENO) < 0) return errno;
  // Our own descriptors are close-on-exec, but what this process itself was started with may not be.
  if (::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return errno;
  return inherit(options.inherit, parked);
}

ExitStatus exit_status_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status, .signal = std::nullopt};
  return {.code = std::nullopt, .signal = info.si_status};
}

}  // namespace

std::string ExitStatus::describe() const {
  if (code) return "exited with status " + std::to_string(*code);
  if (signal) return "was killed by signal " + std::to_string(*signal) + " (" + ::strsignal(*signal) + ")";
  return "is still running";
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      status_(std::exchange(other.status_, std::nullopt)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    kill();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    status_ = std::exchange(other.status_, std::nullopt);
  }
  return *this;
}

ChildProcess::~ChildProcess() { kill(); }

Result<ChildProcess> ChildProcess::spawn(const SpawnOptions& options) {
  SNAP_ASSIGN(const std::string program, find_program(options.argv.at(0)));
  const std::vector<std::string> arguments(options.argv.begin() + 1, options.argv.end());
  process::environment environment = boost::this_process::environment();
  for (const auto& [name, value] : options.environment) environment[name] = value;

  const pid_t parent = ::getpid();
  std::vector<int> parked(options.inherit.size());  // Allocated here: the child may not.
  std::error_code error;
  process::child child(
      process::exe = program, process::args = arguments, environment, error,
      process::extend::on_exec_setup = [&options, &parked, parent](auto& executor) {
        if (const int failed = prepare_child(options, parent, parked); failed != 0) {
          executor.set_error(std::error_code(failed, std::system_category()), "prepare child");
          ::_exit(127);
        }
      });
  if (error) return errno_error("start " + program, error.value());

  ChildProcess result;
  result.pid_ = child.id();
  child.detach();  // From here on pidfd_ and waitid() are the child's only owner.
  result.pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, result.pid_, 0)));
  if (!result.pidfd_) return errno_error("pidfd_open of " + program);
  return result;
}

Result<void> ChildProcess::signal(int number) {
  if (status_ || !pidfd_) return {};
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0 && errno != ESRCH) {
    return errno_error("signal " + std::to_string(number) + " to process " + std::to_string(pid_));
  }
  return {};
}

void ChildProcess::kill() {
  if (!pidfd_ || status_) return;
  ::kill(-pid_, SIGKILL);  // Safe: the child is not reaped yet, so its number is still its own.
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0) {
    // wait() makes the descriptor non-blocking; waitid(2) does not wait then.
    pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    if (errno == EAGAIN) ::poll(&ended, 1, -1);
    if (errno != EAGAIN && errno != EINTR) break;
  }
  status_ = exit_status_of(info);
}

Result<std::optional<ExitStatus>> ChildProcess::poll() {
  if (status_) return status_;
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0) {
    return errno_error("wait for process " + std::to_string(pid_));
  }
  if (info.si_pid != 0) status_ = exit_status_of(info);
  return status_;
}

Async<ExitStatus> ChildProcess::wait() {
  if (status_) co_return *status_;
  CO_SNAP_ASSIGN(UniqueFd watched, pidfd_.duplicate());
  asio::posix::stream_descriptor ended(co_await asio::this_coro::executor, watched.release());
  while (true) {
    CO_SNAP_ASSIGN(const std::optional<ExitStatus> status, poll());
    if (status) co_return *status;
    auto [error] = co_await ended.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (error) co_return asio_error("wait for process " + std::to_string(pid_), error);
  }
}

}  // namespace snaphammer
