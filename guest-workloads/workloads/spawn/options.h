// The command line of spawn.
#pragma once

#include <chrono>
#include <cstdint>

#include "guest-workloads/workloads/base/arguments.h"

namespace snaphammer::spawn {

struct Options {
  std::uint64_t depth = 2;
  std::uint64_t fan = 3;
  std::uint64_t orphans = 1;               ///< Processes per round whose parent ends before them.
  std::chrono::milliseconds linger{20};    ///< How long a leaf of the tree lives.
  std::chrono::milliseconds hang{20'000};  ///< How long a tree may take.
  std::chrono::milliseconds pause{200};    ///< Between two rounds, at least.
  std::uint64_t seed = 1;
  std::uint64_t cpu = 40;  ///< Percent of one CPU.
};

/// Sets `options`, which must outlive it.
workload::Arguments arguments_for(Options& options);

}  // namespace snaphammer::spawn
