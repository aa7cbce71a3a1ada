// The command line of entropy.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "guest-workloads/workloads/base/arguments.h"
#include "guest-workloads/workloads/base/generation.h"

namespace snaphammer::entropy {

inline constexpr char kReseeded[] = "reseeded";
inline constexpr char kSeededOnce[] = "seeded-once";

struct Options {
  std::uint64_t draws = 16;              ///< Of each source that a verdict tells: the first of its life.
  std::chrono::milliseconds pause{100};  ///< Between two draws of each source.
  std::string generator = kReseeded;     ///< What becomes of the user-space generator in a new life.
  std::string identity = workload::kIdentityFile;
  std::uint64_t seed = 0;
};

/// Sets `options`, which must outlive it.
workload::Arguments arguments_for(Options& options);

}  // namespace snaphammer::entropy
