#include "lib/uffd/stats.h"

namespace snaphammer::uffd {

Stats Counters::snapshot() const {
  return {.faults = faults.get(),
          .removes = removes.get(),
          .unmaps = unmaps.get(),
          .remaps = remaps.get(),
          .forks = forks.get(),
          .removed_pages = removed_pages.get(),
          .eagain = eagain.get(),
          .deferred = deferred.get(),
          .dropped = dropped.get(),
          .already_present = already_present.get(),
          .copied_pages = copied_pages.get(),
          .zero_pages = zero_pages.get(),
          .prefetched_pages = prefetched_pages.get(),
          .read_retries = read_retries.get(),
          .read_failures = read_failures.get(),
          .working_set_hits = working_set_hits.get(),
          .working_set_late = working_set_late.get(),
          .working_set_misses = working_set_misses.get(),
          .fault_latency = fault_latency.summary()};
}

}  // namespace snaphammer::uffd
