// ticker: do clocks go on where a snapshot left them, and is the wall clock set when a guest comes back?
#include <unistd.h>

#include "guest-workloads/workloads/ticker/ticking.h"

int main(int argc, char** argv) {
  using namespace snaphammer::ticker;  // NOLINT: a program, not a library
  Options options;
  if (const auto status = arguments_for(options).read(argc, argv)) return *status;
  Ticking(options, STDIN_FILENO).run();
  return 0;
}
