// The stacks of every thread of a hung run, for its artifacts.
//
//   std::ostringstream text;
//   write_kernel_side(process, text);                              // any process, this one too
//   co_await append_user_stacks(vmm_and_handler, 5s, file);        // stops each while it looks
#pragma once

#include <filesystem>
#include <iosfwd>
#include <vector>

#include "harness/engine/process_list.h"
#include "lib/base/async.h"
#include "lib/base/units.h"

namespace snaphammer::engine {

/// Writes, for each thread of the process: name, state, where it sleeps in the kernel, and its system call. Never
/// waits. As far as the system allows; what cannot be read is left out.
void write_kernel_side(const Process& process, std::ostream& out);

/// Appends the user stacks of each process's threads to `file`, or a line that says why there are none; `limit` bounds
/// each process. It stands still meanwhile, and then goes on as before. Not for this process itself.
Awaitable<void> append_user_stacks(std::vector<Process> processes, Duration limit, std::filesystem::path file);

/// Writes both sides of all processes to a new file. Bounded to some seconds for each.
Awaitable<void> write_host_stacks(std::vector<Process> processes, std::filesystem::path file);

}  // namespace snaphammer::engine
