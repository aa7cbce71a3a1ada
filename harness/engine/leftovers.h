// Taking away what dead campaigns have left: processes, mounts and directories.
//
//   SNAP_ASSIGN(const auto removed, remove_leftovers(base));
//   for (const std::string& line : removed) std::cerr << line << "\n";
//
// Every command that starts something does this first; `snaphammer clean` does only this. Living
// campaigns are never touched: they hold the lock of their runtime directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/engine/process_list.h"
#include "lib/base/result.h"

namespace snaphammer::engine {

/// How long a process may take to end after its parent has: every child of a worker is killed by
/// the kernel then, but giving back a guest's memory takes its time.
inline constexpr Duration kSettle = std::chrono::seconds(3);

/// Removes them and says what was removed, one line each. Blocks; a few seconds at most, and only
/// when there is a process that does not end.
Result<std::vector<std::string>> remove_leftovers(const std::filesystem::path& base);

/// Ends every process that `wanted` accepts, and those it starts meanwhile. Returns those that did
/// not end by themselves.
Async<std::vector<Process>> end_all(std::function<bool(const Process&)> wanted);

}  // namespace snaphammer::engine
