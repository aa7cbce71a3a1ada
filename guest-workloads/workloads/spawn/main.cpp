// spawn: do processes start, keep their memory, end and go away, and leave nothing behind?
#include <unistd.h>

#include "guest-workloads/workloads/spawn/spawning.h"

int main(int argc, char** argv) {
  using namespace snaphammer::spawn;  // NOLINT: a program, not a library
  if (is_leaf(argc, argv)) return leaf_main(argc, argv);
  Options options;
  if (const auto status = arguments_for(options).read(argc, argv)) return *status;
  Spawning spawning(options, STDIN_FILENO);
  return spawning.run() ? 0 : 1;
}
