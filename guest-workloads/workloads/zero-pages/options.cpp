#include "guest-workloads/workloads/zero-pages/options.h"

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::zero_pages {

workload::Arguments arguments_for(Options& options) {
  using workload::kPageBytes;
  workload::Arguments arguments("zero-pages",
                                "Each round takes memory fresh from the kernel, checks that every page is zero, fills "
                                "it with a pattern, holds it,\n"
                                "checks that the pattern is still there, gives the memory back and waits.\n");
  arguments.size("resident", options.resident, "memory that a round takes",
                 {.low = kPageBytes, .multiple_of = kPageBytes});
  arguments.number("seed", options.seed, "of the pattern");
  arguments.time("hold", options.hold, "how long memory is kept filled");
  arguments.time("settle", options.settle, "how long it stays given back");
  arguments.number("rounds", options.rounds, "end by itself after so many; 0 is never");
  return arguments;
}

}  // namespace snaphammer::zero_pages
