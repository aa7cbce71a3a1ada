// What a guest boots from: the image that a scenario names, as files on this host.
#pragma once

#include <filesystem>

#include "harness/engine/run_paths.h"
#include "harness/scenario/vm_settings.h"
#include "lib/base/async.h"

namespace snaphammer::engine {

struct GuestFiles {
  std::filesystem::path kernel;
  std::filesystem::path initramfs;
};

/// Relative paths in `image` start at `directory`. The initramfs of a root directory is made when it is not there yet,
/// which takes seconds. kUnfit when a file is missing.
Async<GuestFiles> guest_files(scenario::ImageChoice image, std::filesystem::path directory, const RunPaths& paths);

}  // namespace snaphammer::engine
