#include "guest-workloads/workloads/spawn/options.h"

namespace snaphammer::spawn {

workload::Arguments arguments_for(Options& options) {
  workload::Arguments arguments("spawn",
                                "Each round forks a tree of processes, which verify the memory that they inherit, run "
                                "this program anew as their\n"
                                "leaves, and end with a status that follows from the seed; and leaves some orphans to "
                                "be reaped by init. Its own\n"
                                "descriptors and memory must not grow over the rounds.\n"
                                "Findings: hang (a process does not end), leak (growth, or a zombie), lost-write "
                                "(memory or status are wrong).\n");
  arguments.number("depth", options.depth, "of the tree", {.low = 1, .high = 5});
  arguments.number("fan", options.fan, "children of each process", {.low = 1, .high = 8});
  arguments.number("orphans", options.orphans, "left to init in each round", {.high = 16});
  arguments.time("linger", options.linger, "how long a leaf lives");
  arguments.time("hang", options.hang, "how long a tree may take, and an orphan stay a zombie", {.low = 10});
  arguments.time("pause", options.pause, "between two rounds, at least");
  arguments.number("seed", options.seed, "of memory and statuses");
  arguments.number("cpu", options.cpu, "percent of one CPU that it takes at most", {.low = 1, .high = 100});
  return arguments;
}

}  // namespace snaphammer::spawn
