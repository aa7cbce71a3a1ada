// What a guest's init does before it can serve: file systems, console, modules, limits. For PID 1 only.
#pragma once

#include <filesystem>

#include "lib/base/result.h"

namespace snaphammer::guest {

inline constexpr char kModuleList[] = "/etc/snaphammer/modules";

/// Mounts /proc, /sys, /dev, /dev/pts, /run and /tmp, and makes the console the standard streams. A file system that is
/// mounted already is left.
Result<void> mount_file_systems();
Result<void> open_console();

/// Loads the kernel modules named in `list`: one path per line, in the order in which they depend on each other;
/// empty lines and lines with # are skipped. One that is loaded already is no error; a missing list is none either.
Result<void> load_modules(const std::filesystem::path& list);

/// The rest: PATH, more descriptors, the loopback device up.
Result<void> set_up_environment();

/// Says why on the console and powers the machine off, so that the host sees an end instead of a silent guest.
[[noreturn]] void power_off(const std::string& why);

}  // namespace snaphammer::guest
