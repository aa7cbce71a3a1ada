// The stacks of every thread of a hung run, for its artifacts.
#pragma once

#include <filesystem>
#include <vector>

#include "harness/engine/process_list.h"
#include "lib/base/async.h"

namespace snaphammer::engine {

/// Writes, for each thread of each process: name, state, system call, where it waits in the kernel, and, when gdb is
/// installed, its user stack. As far as the system allows; what cannot be read is left out. Bounded to some seconds.
Awaitable<void> write_host_stacks(std::vector<Process> processes, std::filesystem::path file);

}  // namespace snaphammer::engine
