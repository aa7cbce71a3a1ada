// Starts a process with pipes to its three standard streams.
//
//   SNAP_ASSIGN(Process process, spawn({.command = {"ls"}, .environment = env, .directory = "/"}));
//
// posix_spawn(3), so that a start costs no copy of the agent's page tables and a program that is missing is an
// error here. The child leads a process group of its own and has default signal dispositions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::guest {

struct Command {
  std::vector<std::string> command;                ///< Without a slash looked up in the agent's PATH.
  std::map<std::string, std::string> environment;  ///< Added to, or replacing in, the agent's own.
  std::string directory = "/";
};

/// Our ends of the pipes are non-blocking and close-on-exec.
struct Process {
  pid_t pid = -1;
  UniqueFd input;
  UniqueFd output;
  UniqueFd error;
};

/// The caller hands the pid to the reaper at once (Reaper::adopt). Any thread; it waits until the child runs its program.
Result<Process> spawn(const Command& command);

}  // namespace snaphammer::guest
