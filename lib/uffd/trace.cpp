#include "lib/uffd/trace.h"

#include <algorithm>
#include <limits>

namespace snaphammer::uffd {
namespace {

constexpr std::uint64_t kKindMask = kPageSize - 1;
constexpr unsigned kDurationBits = 32;
constexpr std::uint64_t kWriting = std::numeric_limits<std::uint64_t>::max();  // Above every event's number.
constexpr std::uint64_t kMaxDuration = std::numeric_limits<std::uint32_t>::max();

}  // namespace

std::string_view name_of(TraceKind kind) {
  switch (kind) {
    case TraceKind::kFault:
      return "fault";
    case TraceKind::kRemove:
      return "remove";
    case TraceKind::kUnmap:
      return "unmap";
    case TraceKind::kRemap:
      return "remap";
    case TraceKind::kFork:
      return "fork";
    case TraceKind::kCopy:
      return "copy";
    case TraceKind::kZero:
      return "zero";
    case TraceKind::kExists:
      return "exists";
    case TraceKind::kDefer:
      return "defer";
    case TraceKind::kDrop:
      return "drop";
    case TraceKind::kReadError:
      return "read-error";
    case TraceKind::kGiveUp:
      return "give-up";
    case TraceKind::kPrefetch:
      return "prefetch";
  }
  return "?";
}

std::vector<TraceEvent> history_of(const std::vector<TraceEvent>& all, ByteCount offset) {
  std::vector<TraceEvent> history;
  for (const TraceEvent& event : all) {
    if (event.extent.offset <= offset && offset < event.extent.end()) history.push_back(event);
  }
  return history;
}

Trace::Trace(std::size_t capacity)
    : capacity_(std::max<std::size_t>(capacity, 1024)), slots_(std::make_unique<Slot[]>(capacity_)) {}

void Trace::add(TraceKind kind, Extent extent, TimePoint at, Duration duration) {
  const std::uint64_t number = next_.fetch_add(1, std::memory_order_relaxed);
  Slot& slot = slots_[number % capacity_];
  const auto ns = static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0));
  // The slot has one writer at a time. Acquire: what the one before has written comes before what this one writes.
  std::uint64_t before = slot.sequence.load(std::memory_order_relaxed);
  if (before > number || !slot.sequence.compare_exchange_strong(before, kWriting, std::memory_order_acquire)) return;
  // Each data word is stored with release, so that a reader that sees it also sees the sequence at kWriting or later.
  slot.at.store(static_cast<std::uint64_t>(at.time_since_epoch().count()), std::memory_order_release);
  slot.offset_and_kind.store((extent.offset & ~kKindMask) | static_cast<std::uint64_t>(kind),
                             std::memory_order_release);
  slot.pages_and_duration.store((extent.length / kPageSize) << kDurationBits | std::min(ns, kMaxDuration),
                                std::memory_order_release);
  slot.sequence.store(number + 1, std::memory_order_release);
}

std::vector<TraceEvent> Trace::events() const {
  const std::uint64_t end = next_.load(std::memory_order_relaxed);
  const std::uint64_t begin = end > capacity_ ? end - capacity_ : 0;
  std::vector<TraceEvent> events;
  events.reserve(end - begin);
  for (std::uint64_t number = begin; number < end; ++number) {
    const Slot& slot = slots_[number % capacity_];
    if (slot.sequence.load(std::memory_order_acquire) != number + 1) continue;
    const std::uint64_t at = slot.at.load(std::memory_order_acquire);
    const std::uint64_t where = slot.offset_and_kind.load(std::memory_order_acquire);
    const std::uint64_t size = slot.pages_and_duration.load(std::memory_order_acquire);
    if (slot.sequence.load(std::memory_order_relaxed) != number + 1) continue;
    events.push_back({.at = TimePoint(Duration(static_cast<Duration::rep>(at))),
                      .kind = static_cast<TraceKind>(where & kKindMask),
                      .extent = {where & ~kKindMask, (size >> kDurationBits) * kPageSize},
                      .duration = Duration(static_cast<Duration::rep>(size & kMaxDuration))});
  }
  std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  return events;
}

}  // namespace snaphammer::uffd
