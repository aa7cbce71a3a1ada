// SourceReader: a PageSource as the page server's threads read it: with retries, counted, and resident.
//
//   SNAP_ASSIGN(auto bytes, reader.read(offset, length));    // valid until this reader's next read
//
// One reader belongs to one thread, and has that thread's buffer. The source outlives it.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/uffd/page_source.h"
#include "lib/uffd/stats.h"
#include "lib/uffd/stop_signal.h"
#include "lib/uffd/trace.h"

namespace snaphammer::uffd {

class SourceReader {
 public:
  SourceReader(const PageSource& source, unsigned retries, Counters& counters, Trace& trace, const StopSignal& stop)
      : source_(source), retries_(retries), counters_(counters), trace_(trace), stop_(stop) {}

  /// Whether some of [offset, offset + length) may be other than zero.
  bool has_data(ByteCount offset, ByteCount length) const;
  /// Whether read() would return without waiting. An answer of the source holds for a few milliseconds, unless the source
  /// withdraws it: so fast no page cache is emptied.
  bool at_hand(ByteCount offset, ByteCount length, TimePoint now);
  /// The bytes of a page-aligned range, in memory: what installs them will not wait for a disk. kCancelled when it
  /// was stopped between two tries.
  Result<std::span<const std::byte>> read(ByteCount offset, ByteCount length);

 private:
  Result<std::span<const std::byte>> try_read(ByteCount offset, ByteCount length);

  const PageSource& source_;
  const unsigned retries_;
  Counters& counters_;
  Trace& trace_;
  const StopSignal& stop_;
  /// What the source has said lately. vCPUs walk through several places at a time.
  struct AtHand {
    Extent extent;
    TimePoint until;
    std::uint64_t version = 0;  // PageSource::at_hand_version().
  };
  std::array<AtHand, 8> at_hand_{};
  std::size_t oldest_ = 0;
  Mapping scratch_;  // Pages that no read has needed take no memory.
};

}  // namespace snaphammer::uffd
