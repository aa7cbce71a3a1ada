// A lock that belongs to a process and ends with it, however it ends.
//
//   Result<ProcessLock> lock = ProcessLock::take(directory / "lock");
//   if (!lock && lock.error().kind() == ErrorKind::kUnavailable) ...   // Somebody has it; the message says who.
//
// flock(2) would not do: its locks are of open files, which a child shares from fork(2) until its execve(2). A process
// that is killed while it starts another one would seem to live on for that moment, longer on a busy machine. Record
// locks (fcntl(2), F_SETLK) are the process's own; what they lack, that they do not keep a process from taking its own
// lock twice, is made up for here.
#pragma once

#include <filesystem>
#include <utility>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::engine {

/// One lock, held until it is destroyed. Any thread; one at a time for each object.
class ProcessLock {
 public:
  /// Does not wait. `file` stands for the lock: made when missing, removed with the lock, left behind by a process that
  /// is killed, which means nothing. Nobody else may open it: closing it anywhere in the process ends the lock.
  /// kUnavailable when it is taken, also by this process; otherwise what kept the file from being opened.
  static Result<ProcessLock> take(std::filesystem::path file);

  ProcessLock(ProcessLock&& other) noexcept = default;
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock();

  /// False when moved from.
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  using Identity = std::pair<dev_t, ino_t>;

  ProcessLock(std::filesystem::path file, UniqueFd fd, Identity identity)
      : file_(std::move(file)), fd_(std::move(fd)), identity_(identity) {}

  std::filesystem::path file_;
  UniqueFd fd_;
  Identity identity_;  ///< Of the file, whatever has become of its name.
};

}  // namespace snaphammer::engine
