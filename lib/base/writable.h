// Whether a file could be written, asked before the long work whose result it is to hold.
#pragma once

#include <filesystem>

#include "lib/base/result.h"

namespace snaphammer {

/// kInvalid, with the reason, unless `file` is there and can be written to, or can be made. Follows links. That it can be
/// written when the time has come is not promised.
Result<void> check_can_write(const std::filesystem::path& file);

}  // namespace snaphammer
