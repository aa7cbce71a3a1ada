#include "guest-workloads/workloads/entropy/options.h"

namespace snaphammer::entropy {

workload::Arguments arguments_for(Options& options) {
  workload::Arguments arguments(
      "entropy",
      "Draws random bytes from the kernel (getrandom), UUIDs made of such, and numbers of a generator of its own that\n"
      "the kernel seeded. No draw may come twice. A verdict tells the first draws of the program's present life, so "
      "that\n"
      "guests which come from one snapshot can be compared; a life begins at the start, at each resume, and with each "
      "new\n"
      "generation in the identity file.\n"
      "Findings: not-unique.\n");
  arguments.number("draws", options.draws, "of each source that a verdict tells", {.low = 1, .high = 256});
  arguments.time("pause", options.pause, "between two draws of each source", {.low = 1, .high = 3'600'000});
  arguments.choice("generator", options.generator, {kReseeded, kSeededOnce},
                   "the own generator in a new life; seeded once, as in programs that do not know of snapshots");
  arguments.text("identity", options.identity, "file that the agent writes at each restore; may be missing");
  arguments.number("seed", options.seed, "not used: what is drawn has to be random");
  return arguments;
}

}  // namespace snaphammer::entropy
