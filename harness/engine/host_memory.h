// How much memory is there for runs: what the kernel calls available, within the limits of the control groups (a
// container's, a systemd slice's) that this process is in.
#pragma once

#include <filesystem>
#include <optional>

#include "lib/base/units.h"

namespace snaphammer::engine {

/// MemAvailable of proc(5), or what is left of the tightest memory limit of cgroups(7), version 1 or 2, if that is less.
/// File pages that a group holds and has not used for long count as left: the kernel takes them back first. Nothing when
/// /proc does not say. `root`: where proc/ and sys/ are.
std::optional<ByteCount> available_memory(const std::filesystem::path& root = "/");

}  // namespace snaphammer::engine
