// What a process has of what can leak: threads, descriptors, memory, children.
//
//   SNAP_ASSIGN(const ProcessUse use, process_use(::getpid()));
//
// Read from /proc (proc(5)) while the process runs, so the numbers are not of one instant. Any thread. An error: it is
// gone, or another user's.
#pragma once

#include <cstdint>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer {

struct ProcessUse {
  std::uint64_t threads = 0;
  std::uint64_t descriptors = 0;  ///< Without the one that this look itself needs.
  std::uint64_t children = 0;     ///< Whose parent it is, zombies included; see proc(5) on /proc/PID/task/TID/children.
  ByteCount resident = 0;
};

Result<ProcessUse> process_use(pid_t pid);

/// How many processes of this system have ended and were not waited for.
std::uint64_t zombies();

}  // namespace snaphammer
