// Where the parts of this Snaphammer are: next to each other in a build tree, or under an
// installation prefix.
//
//   SNAP_ASSIGN(const Installation installation, Installation::of_this_process());
//   use(installation.interposer);
//
// In a build tree BUILD:
//   program        BUILD/harness/cli/snaphammer
//   interposer     BUILD/lib/interposer/libsnaphammer-interposer.so
//   guest image    the directory that the file BUILD/guest-image.path names
// Installed under PREFIX:
//   program        PREFIX/bin/snaphammer
//   interposer     PREFIX/lib/snaphammer/libsnaphammer-interposer.so
//   guest image    PREFIX/lib/snaphammer/guest-image
//
// SNAPHAMMER_INTERPOSER and SNAPHAMMER_IMAGE name others. Nothing is promised to exist: that is for
// `doctor` and the check before a campaign, which say what to do about it.
#pragma once

#include <filesystem>

#include "harness/engine/environment.h"
#include "lib/base/result.h"

namespace snaphammer::engine {

struct Installation {
  std::filesystem::path program;      ///< This executable; a worker is started from it.
  std::filesystem::path interposer;   ///< The library preloaded into QEMU.
  std::filesystem::path guest_image;  ///< Directory with the guest's kernel and initramfs; empty when unknown.

  /// For an executable at `program` (absolute, symlinks resolved).
  static Installation around(const std::filesystem::path& program, const Environment& environment);
  static Result<Installation> of_this_process();
};

}  // namespace snaphammer::engine
