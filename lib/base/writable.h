// Files that people name for results: where the bytes go, and whether they could go there, asked before the long work
// whose result it is.
#pragma once

#include <filesystem>

#include "lib/base/result.h"

namespace snaphammer {

/// Who names a link, a FIFO or a device means what is behind it, and no file in its place.
struct WriteTarget {
  std::filesystem::path path;  ///< Of what is behind the links.
  bool in_place = false;       ///< It is written to; otherwise a new file takes its place, or that of none.
};
WriteTarget write_target(const std::filesystem::path& file);

/// kInvalid, with the reason, unless `file` is there and can be written to, or can be made. Follows links. That it can be
/// written when the time has come is not promised.
Result<void> check_can_write(const std::filesystem::path& file);

}  // namespace snaphammer
