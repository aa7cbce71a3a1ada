// The initramfs of a guest whose root file system is a directory of this host.
//
// It is three archives, which the kernel unpacks as if they were one (Documentation/driver-api/early-userspace/
// buffer-format.rst): the directory, the parents that it lacks of what follows, and agent.cpio of the default image.
#pragma once

#include <filesystem>

#include "lib/base/async.h"

namespace snaphammer::engine {

/// The initramfs of `root`, from `cache`, or made there by cpio(1) when nothing is known of a directory with these names,
/// types, sizes and times. All files belong to the guest's root user; sockets and an /init of its own are left out. Any
/// number of processes may ask at once. kUnfit when `root` is no directory or cannot be read.
Async<std::filesystem::path> root_image(std::filesystem::path root, std::filesystem::path default_image,
                                        std::filesystem::path cache);

}  // namespace snaphammer::engine
