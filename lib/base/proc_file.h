// Files of /proc about processes that may end at any moment, also while they are read.
//
//   const std::string stat = read_proc_file("/proc/4711/stat");     // empty: it is gone
//
// A stream's iterators throw where such a read fails (ESRCH), whatever the stream's exception mask.
#pragma once

#include <filesystem>
#include <string>

namespace snaphammer {

/// All of it; empty when it cannot be opened or read to its end. Thread-safe.
std::string read_proc_file(const std::filesystem::path& path);

}  // namespace snaphammer
