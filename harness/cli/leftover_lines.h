// What every command that starts something does first.
#pragma once

#include <filesystem>
#include <ostream>

#include "lib/base/result.h"

namespace snaphammer::cli {

/// Removes what dead campaigns have left and says so, one line each. Returns how many lines there were.
Result<std::size_t> remove_leftovers(const std::filesystem::path& runtime_base, std::ostream& out);

}  // namespace snaphammer::cli
