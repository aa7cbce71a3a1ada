// Finding and ending processes that are not, or no longer, our own children's: by what they
// inherited.
//
//   const auto left = processes_where([&](const Process& p) { return p.has("SNAPHAMMER_CAMPAIGN",
//   id); }); const EndedProcesses ended = co_await end_processes(left, 2s);
//
// A process is held by a pidfd from before it was looked at, so its number cannot come to mean
// another one.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "lib/base/async.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::engine {

struct Process {
  pid_t pid = -1;
  pid_t parent = -1;
  std::string command;      ///< Its command line, for messages; its short name in brackets when that is gone.
  std::string environment;  ///< As it was started with, entries separated by NUL; empty when it may
                            ///< not be read.
  UniqueFd handle;          ///< A pidfd.

  bool has(std::string_view variable, std::string_view value) const;
  /// "4711 (sleep 1000)"
  std::string describe() const;
  /// Whether a signal has made it stand still, as SIGSTOP does.
  bool is_stopped() const;
};

/// All processes, zombies too, that `wanted` accepts; this process itself excepted. `wanted` is asked twice, and sees no
/// command and no handle at first: hundreds are looked at for one that is found.
std::vector<Process> processes_where(const std::function<bool(const Process&)>& wanted);

/// Gives each process up to `settle` (in all) to end by itself, as one does whose killer is at work
/// already; then kills what is left and waits for that, a few seconds at most. Reaps those that are
/// this process's children. Returns what had to be killed.
Async<std::vector<Process>> end_processes(std::vector<Process> processes, Duration settle);

}  // namespace snaphammer::engine
