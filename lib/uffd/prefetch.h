// Prefetch: what to install before the guest asks for it, and the thread that does it.
//
//   Prefetcher prefetcher(memory, source_reader, queue, ...);
//   prefetcher.run(plan_prefetch(policy.prefetch, source.data(), working_set, chunk, page_size));
#pragma once

#include <functional>
#include <vector>

#include "lib/base/result.h"
#include "lib/uffd/fault_queue.h"
#include "lib/uffd/guest_memory.h"
#include "lib/uffd/page_source.h"
#include "lib/uffd/policy.h"
#include "lib/uffd/source_reader.h"
#include "lib/uffd/stats.h"
#include "lib/uffd/stop_signal.h"
#include "lib/uffd/trace.h"
#include "lib/uffd/working_set.h"

namespace snaphammer::uffd {

/// The ranges of the memory file to install, in this order: whole host pages, none longer than `chunk` (or one page),
/// none twice. The working set is gathered in windows of `chunk` bytes, in the order in which windows were first
/// touched, so that pages touched one by one are copied together.
std::vector<Extent> plan_prefetch(Prefetch what, const std::vector<Extent>& data,
                                  const std::vector<Extent>& working_set, ByteCount chunk, ByteCount page_size);

/// Works off a plan, giving way to faults. Used by one thread; everything that it refers to outlives it.
class Prefetcher {
 public:
  using OnError = std::function<void(const Error&)>;

  Prefetcher(GuestMemory& memory, SourceReader reader, FaultQueue& queue, const WorkingSet& working_set,
             Counters& counters, Trace& trace, StopSignal& stop, OnError on_error)
      : memory_(memory),
        reader_(std::move(reader)),
        queue_(queue),
        working_set_(working_set),
        counters_(counters),
        trace_(trace),
        stop_(stop),
        on_error_(std::move(on_error)) {}

  /// Returns when all is installed, or at the next slice after a stop. A chunk that the source cannot give is
  /// reported and left to its faults.
  void run(const std::vector<Extent>& plan);
  /// Whether run() ended because the VM's memory is gone.
  bool vm_gone() const { return vm_gone_; }

  /// A slice is what is installed in one go: events that arrive meanwhile are read after it, so it is short.
  static constexpr ByteCount kSlice = 128_KiB;

 private:
  Result<void> fetch(Extent chunk);
  Result<void> install(const Place& place, std::span<const std::byte> bytes);
  bool stopped() const { return vm_gone_ || stop_.is_set() || memory_.ended(); }
  void give_way();

  GuestMemory& memory_;
  SourceReader reader_;
  FaultQueue& queue_;
  const WorkingSet& working_set_;
  Counters& counters_;
  Trace& trace_;
  StopSignal& stop_;
  OnError on_error_;
  bool vm_gone_ = false;
};

}  // namespace snaphammer::uffd
