// What Snaphammer keeps between campaigns: guest images and base snapshots, each under the hash of
// its inputs.
//
// Everything in it can be deleted at any time when no campaign runs; it is made again.
#pragma once

#include <filesystem>

#include "harness/engine/environment.h"

namespace snaphammer::engine {

struct Caches {
  std::filesystem::path root;

  /// ${XDG_CACHE_HOME}/snaphammer, or ~/.cache/snaphammer.
  static Caches of(const Environment& environment);

  std::filesystem::path guest_images() const { return root / "images"; }
  /// Of scenarios that bring a root directory of their own.
  std::filesystem::path root_images() const { return root / "root-images"; }
  std::filesystem::path base_snapshots() const { return root / "base-snapshots"; }
  /// What guests' kernels said about their functions, by boot id.
  std::filesystem::path kernel_symbols() const { return root / "kernel-symbols"; }
};

}  // namespace snaphammer::engine
