// The command line of page-cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "guest-workloads/workloads/base/arguments.h"

namespace snaphammer::page_cache {

struct Options {
  std::string directory = "/tmp";
  std::size_t resident = 32 << 20;  ///< Bytes in all files.
  std::uint64_t files = 64;
  std::uint64_t seed = 1;
  std::uint64_t cpu = 40;  ///< Percent of one CPU.
};

/// Sets `options`, which must outlive it.
workload::Arguments arguments_for(Options& options);

}  // namespace snaphammer::page_cache
