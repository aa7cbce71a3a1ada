// The threads of a process that wait for somebody to serve their page fault, by the kernel's own word (proc(5)).
//
//   FaultingThreads stuck = faulting_threads(vmm);
//   ...
//   stuck = still_waiting(stuck, faulting_threads(vmm));    // those that have not moved in between
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <sys/types.h>

namespace snaphammer::oracles {

struct FaultingThread {
  std::string name;            ///< As the process calls it: "CPU 0/TCG".
  std::uint64_t switches = 0;  ///< How often it has gone to sleep so far: the same number, the same sleep.

  bool operator==(const FaultingThread&) const = default;
};

/// By thread id.
using FaultingThreads = std::map<pid_t, FaultingThread>;

/// Those that sleep in the kernel's handle_userfault() now. None when the process is gone, or when the kernel does not
/// say (CONFIG_KALLSYMS off, no permission).
FaultingThreads faulting_threads(pid_t process);

/// Those that wait now until the page-fault handler has taken note of memory that they discard (UFFD_EVENT_REMOVE).
FaultingThreads discarding_threads(pid_t process);

/// Those of `before` that are in `now` too, in the very same sleep.
FaultingThreads still_waiting(const FaultingThreads& before, const FaultingThreads& now);

}  // namespace snaphammer::oracles
