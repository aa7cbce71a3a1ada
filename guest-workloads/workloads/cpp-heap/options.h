// The command line of cpp-heap.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "guest-workloads/workloads/base/arguments.h"

namespace snaphammer::cpp_heap {

struct Options {
  std::size_t resident = 24 << 20;  ///< Bytes in live blocks at the height of a breath, over both heaps.
  std::uint64_t threads = 3;
  std::uint64_t seed = 1;
  std::chrono::milliseconds breath{2000};  ///< How long the heap grows, shrinks, and leaves free memory alone.
  std::uint64_t keep = 25;                 ///< Percent of `resident` that it shrinks to.
  std::uint64_t cpu = 40;                  ///< Percent of one CPU, all threads together.
};

/// Sets `options`, which must outlive it.
workload::Arguments arguments_for(Options& options);

}  // namespace snaphammer::cpp_heap
