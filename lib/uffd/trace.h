// Trace: the last things that happened in a page server, in a bounded ring.
//
//   trace.add(TraceKind::kRemove, offset, length);             // on any thread, without a lock
//   for (const TraceEvent& event : history_of(trace.events(), page_offset)) ...
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "lib/base/units.h"
#include "lib/uffd/page_source.h"

namespace snaphammer::uffd {

enum class TraceKind : std::uint8_t {
  kFault,      ///< Read from the kernel.
  kRemove,     ///< Read from the kernel.
  kUnmap,      ///< Read from the kernel.
  kRemap,      ///< Read from the kernel.
  kFork,       ///< Read from the kernel.
  kCopy,       ///< Source bytes installed for a fault.
  kZero,       ///< Zeros installed for a fault.
  kExists,     ///< A fault's page was there already; its threads were woken.
  kDefer,      ///< The kernel answered EAGAIN or ENOENT: to be examined again.
  kDrop,       ///< The kernel answered EAGAIN and the policy is to drop it.
  kReadError,  ///< The source failed.
  kGiveUp,     ///< The fault stays unresolved.
  kPrefetch,   ///< Source bytes installed ahead of any fault.
};
std::string_view name_of(TraceKind kind);

struct TraceEvent {
  TimePoint at;
  TraceKind kind = TraceKind::kFault;
  Extent extent;        ///< In the memory file; for an address outside of it, the address itself.
  Duration duration{};  ///< Of the act itself, where it has one (installations).
};

/// The events of `all` that concern the page at `offset`, oldest first.
std::vector<TraceEvent> history_of(const std::vector<TraceEvent>& all, ByteCount offset);

/// A ring of the last `capacity` events. Nobody waits for anybody: an event that is being overwritten while it is read
/// is left out, and one that comes to a slot in which another writer was interrupted a whole round ago is lost.
class Trace {
 public:
  explicit Trace(std::size_t capacity);

  void add(TraceKind kind, Extent extent, TimePoint at, Duration duration = {});
  /// Oldest first.
  std::vector<TraceEvent> events() const;
  /// How many were added in all; more than events() returns once the ring has wrapped.
  std::uint64_t added() const { return next_.load(std::memory_order_relaxed); }
  ByteCount memory_used() const { return capacity_ * sizeof(Slot); }

  static constexpr ByteCount kBytesPerEvent = 32;

 private:
  // The first word is the event's number plus one, or that it is being written; the others are the event.
  struct Slot {
    std::atomic<std::uint64_t> sequence;
    std::atomic<std::uint64_t> at;
    std::atomic<std::uint64_t> offset_and_kind;  // Offsets are page-aligned: the low bits are free for the kind.
    std::atomic<std::uint64_t> pages_and_duration;
  };
  static_assert(sizeof(Slot) == kBytesPerEvent);

  std::size_t capacity_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<std::uint64_t> next_ = 0;
};

}  // namespace snaphammer::uffd
