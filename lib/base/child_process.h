// A child process that cannot outlive its parent, known by pidfd.
//
//   SNAP_ASSIGN(ChildProcess qemu, ChildProcess::spawn({.argv = {"qemu-system-x86_64", ...},
//                                                       .inherit = {{socket.get(), 10}},
//                                                       .output = log.get()}));
//   ...
//   CO_SNAP_ASSIGN(ExitStatus status, co_await qemu.wait(executor));
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <sys/types.h>

#include "lib/base/async.h"
#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace snaphammer {

/// How a process ended.
struct ExitStatus {
  std::optional<int> code;    ///< Set when it exited by itself.
  std::optional<int> signal;  ///< Set when a signal ended it.

  bool success() const { return code == 0; }
  /// "exited with status 1", "was killed by signal 9 (Killed)".
  std::string describe() const;
};

struct SpawnOptions {
  /// Program and arguments; a program without a slash is looked up in PATH.
  std::vector<std::string> argv;
  /// Added to (or replacing in) this process's environment.
  std::map<std::string, std::string> environment = {};
  /// Descriptor here -> number there. Nothing else is inherited.
  std::map<int, int> inherit = {};
  /// Standard streams; -1 is /dev/null for input and this process's own for the others.
  int input = -1;
  int output = -1;
  int error = -1;
};

/// One child. The destructor kills and reaps it if it is still there.
///
/// The child leads its own process group and gets SIGKILL when the *thread* that called spawn() ends
/// (prctl(2), PR_SET_PDEATHSIG), so spawn from the main thread or one that lives as long. Not thread-safe.
class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  /// Starts it. A program that is missing or cannot be executed is an error here, not an early exit.
  static Result<ChildProcess> spawn(const SpawnOptions& options);

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  explicit operator bool() const { return static_cast<bool>(pidfd_); }

  /// Sends a signal; a process that has ended is not an error.
  Result<void> signal(int number);
  /// Ends the whole process group with SIGKILL and reaps the child. Returns at once: the kernel does the rest.
  void kill();
  /// Returns when the process has ended. Cancellable; may be called again later, also after the end.
  Async<ExitStatus> wait();
  /// The same without waiting: nullopt while it runs.
  Result<std::optional<ExitStatus>> poll();

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  std::optional<ExitStatus> status_;
};

}  // namespace snaphammer
