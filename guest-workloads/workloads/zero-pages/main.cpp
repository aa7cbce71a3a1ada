// zero-pages: does memory that the kernel hands out as fresh come as zeros, and does memory keep what was written?
#include <unistd.h>

#include "guest-workloads/workloads/zero-pages/rounds.h"

int main(int argc, char** argv) {
  using namespace snaphammer::zero_pages;  // NOLINT: a program, not a library
  Options options;
  if (const auto status = arguments_for(options).read(argc, argv)) return *status;
  Rounds rounds(options, STDIN_FILENO);
  return rounds.run() ? 0 : 1;
}
