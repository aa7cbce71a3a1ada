#include "guest-workloads/workloads/cpp-heap/options.h"

namespace snaphammer::cpp_heap {

workload::Arguments arguments_for(Options& options) {
  workload::Arguments arguments(
      "cpp-heap",
      "Several threads allocate, rewrite, exchange and free blocks, on glibc's malloc and on an allocator of its own\n"
      "(per-size free lists over a page heap with a tree of summaries). Every byte of a block follows from its key, "
      "so\n"
      "each use verifies it; a check also compares the allocator's structures with each other.\n"
      "Findings: heap-corruption, lost-write.\n");
  arguments.size("resident", options.resident, "memory in live blocks", {.low = 1 << 20, .high = 4ULL << 30});
  arguments.number("threads", options.threads, "that allocate", {.low = 1, .high = 64});
  arguments.number("seed", options.seed, "of sizes, order and bytes");
  arguments.time("breath", options.breath, "how long the heap grows, then shrinks, then stays small", {.low = 10});
  arguments.number("keep", options.keep, "percent of the memory that it shrinks to", {.high = 100});
  arguments.number("cpu", options.cpu, "percent of one CPU that it takes at most", {.low = 1, .high = 100});
  return arguments;
}

}  // namespace snaphammer::cpp_heap
