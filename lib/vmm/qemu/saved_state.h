// The file of a machine's saved state, and what it says that the machine was doing, which QEMU takes up when it loads it.
//
// A machine that its debugger has stopped is in run state `debug` (QEMU, qapi/run-state.json), its state says so, and a
// QEMU that loads one ends itself: "invalid runstate transition: 'inmigrate' -> 'debug'" (7.2.22). To the guest there
// is no difference between `debug` and `paused`.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace snaphammer::vmm {

Result<std::string> read_state(const std::filesystem::path& path);
/// Appends to an open file.
Result<void> write_state(int file, std::string_view state);

/// Makes the state of a machine that its debugger had stopped that of a paused one. kInvalid when `path` holds no
/// state, or one of another run state.
Result<void> turn_debugged_into_paused(const std::filesystem::path& path);

}  // namespace snaphammer::vmm
