// A file that is either the old one or all of the new one, whenever its writer dies.
#pragma once

#include <filesystem>
#include <string_view>

#include "lib/base/result.h"

namespace snaphammer::engine {

/// Writes `text` beside `path`, syncs it and renames it over `path`.
Result<void> write_atomically(const std::filesystem::path& path, std::string_view text);

/// All of a file, of at most `limit` bytes; a larger one is kCorrupt.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 64u << 20);

}  // namespace snaphammer::engine
