// zero-pages: does memory that the kernel hands out as fresh come as zeros, and does memory keep what was written?
#include <algorithm>

#include <unistd.h>

#include "guest-workloads/workloads/zero-pages/rounds.h"

namespace {

// Half of what is free now, in whole pages: the default where memory is scarce.
std::size_t half_of_free_memory() {
  const long pages = ::sysconf(_SC_AVPHYS_PAGES) / 2;
  return static_cast<std::size_t>(std::max(pages, 1L)) * snaphammer::workload::kPageBytes;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace snaphammer::zero_pages;  // NOLINT: a program, not a library
  Options options;
  options.resident = std::min(options.resident, half_of_free_memory());
  if (const auto status = arguments_for(options).read(argc, argv)) return *status;
  Rounds rounds(options, STDIN_FILENO);
  return rounds.run() ? 0 : 1;
}
