// The command line of zero-pages.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "guest-workloads/workloads/base/arguments.h"

namespace snaphammer::zero_pages {

struct Options {
  std::size_t resident = 64 << 20;  ///< Bytes kept; whole pages.
  std::uint64_t seed = 1;
  std::chrono::milliseconds hold{4000};    ///< How long memory is kept filled before it is given back.
  std::chrono::milliseconds settle{3000};  ///< How long it stays given back; free page reporting takes 2 s.
  std::uint64_t rounds = 0;                ///< Ends by itself after so many; 0 is never.
};

/// Sets `options`, which must outlive it.
workload::Arguments arguments_for(Options& options);

}  // namespace snaphammer::zero_pages
