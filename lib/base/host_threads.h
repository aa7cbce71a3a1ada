// The threads of a process of this host, by the kernel's own word (proc(5)).
//
//   for (const HostThread& thread : host_threads(pid)) {
//     if (thread.is_deaf()) ...     // no signal reaches it, and no debugger
//   }
//
// Looks only, so it never waits, whatever the process does. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace snaphammer {

struct HostThread {
  pid_t id = -1;
  std::string name;  ///< As the process calls it: "CPU 0/TCG".
  /// R runs, S sleeps, D sleeps and takes no signal meanwhile, T was stopped, t is held by a debugger, Z has ended.
  char state = '?';
  /// The kernel's function that it sleeps in; empty when it does not, or when the kernel does not say (CONFIG_KALLSYMS
  /// off, no permission).
  std::string sleeps_in;
  std::uint64_t switches = 0;  ///< How often it has gone to sleep so far: the same number, the same sleep.
  pid_t debugger = 0;          ///< The process that traces it (ptrace(2)); 0 when none does.

  bool is_deaf() const { return state == 'D'; }
};

/// In no order; none when the process is gone. Read one after another, and one file after another: not of one instant.
std::vector<HostThread> host_threads(pid_t process);

}  // namespace snaphammer
