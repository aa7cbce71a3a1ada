// What a page server counts: plain data for results, and the atomic counters behind it.
//
//   counters.faults.add();                       // on any thread
//   const Stats stats = counters.snapshot();     // on any thread: each number exact, not all of one moment
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/base/units.h"
#include "lib/uffd/histogram.h"

namespace snaphammer::uffd {

struct Stats {
  std::uint64_t faults = 0;   ///< Page faults read.
  std::uint64_t removes = 0;  ///< REMOVE events read.
  std::uint64_t unmaps = 0;
  std::uint64_t remaps = 0;
  std::uint64_t forks = 0;
  std::uint64_t removed_pages = 0;       ///< 4 KiB pages that REMOVE events named.
  std::uint64_t eagain = 0;              ///< Installations that the kernel refused while an event was pending.
  std::uint64_t deferred = 0;            ///< Faults put back because of it.
  std::uint64_t dropped = 0;             ///< Faults abandoned because of it (OnEagain::kDrop).
  std::uint64_t already_present = 0;     ///< Faults whose page somebody had installed (EEXIST).
  std::uint64_t copied_pages = 0;        ///< 4 KiB pages that faults had copied from the source.
  std::uint64_t zero_pages = 0;          ///< 4 KiB pages that faults had filled with zeros.
  std::uint64_t prefetched_pages = 0;    ///< 4 KiB pages that prefetch copied.
  std::uint64_t read_retries = 0;        ///< Reads of the source that failed and were repeated.
  std::uint64_t read_failures = 0;       ///< Reads of the source that were given up.
  std::uint64_t working_set_hits = 0;    ///< Working-set pages prefetched before anyone asked for them.
  std::uint64_t working_set_late = 0;    ///< Working-set pages that were asked for first.
  std::uint64_t working_set_misses = 0;  ///< Pages copied on demand that the working set did not have.
  LatencySummary fault_latency;          ///< From the read of a fault to its resolution.

  /// Of all data pages that the guest needed or the working set foresaw, the part that was there in time; 1 when
  /// there was none.
  double working_set_hit_ratio() const {
    const std::uint64_t all = working_set_hits + working_set_late + working_set_misses;
    return all == 0 ? 1.0 : static_cast<double>(working_set_hits) / static_cast<double>(all);
  }
};

/// A count that threads raise without ordering anything by it.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// The counters of one server; the names are those of Stats.
struct Counters {
  Counter faults, removes, unmaps, remaps, forks, removed_pages, eagain, deferred, dropped, already_present;
  Counter copied_pages, zero_pages, prefetched_pages, read_retries, read_failures;
  Counter working_set_hits, working_set_late, working_set_misses;
  Histogram fault_latency;

  Stats snapshot() const;
};

}  // namespace snaphammer::uffd
