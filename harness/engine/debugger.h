// Has a debugger of this host print the user stacks of a process.
//
//   std::string why = co_await undebuggable(process.pid);      // ask right before
//   if (why.empty()) why = co_await print_user_stacks(process, 5s, output.get());
//
// The process stands still meanwhile. A debugger that is not done in time is killed, and the process then stands still
// or runs as it did before.
#pragma once

#include <string>

#include "harness/engine/process_list.h"
#include "lib/base/async.h"
#include "lib/base/units.h"

namespace snaphammer::engine {

/// Why a debugger would not get hold of the process, or wait for it for ever; empty when it can look. Threads that
/// sleep and take no signal, as for a disk or for a page-fault handler that does not read, are given half a second.
Awaitable<std::string> undebuggable(pid_t process);

/// Runs gdb, or eu-stack where there is no gdb, and lets it write the stacks of all threads to the descriptor `output`.
/// Returns why there are none, or not all: no debugger is installed, or it was not done within `limit`; empty when it
/// was done. `process`, which outlives this, must not be this one.
Awaitable<std::string> print_user_stacks(const Process& process, Duration limit, int output);

}  // namespace snaphammer::engine
