#include "lib/uffd/prefetch.h"

#include <algorithm>
#include <unordered_map>

#include "lib/base/failpoint.h"

namespace snaphammer::uffd {
namespace {

Failpoint before_prefetch_copy("uffd.prefetch.before_copy");  // The bytes are in hand; no lock is held.
Failpoint after_prefetch_copy("uffd.prefetch.after_copy");

/// How long to wait for the kernel to finish a change that it refuses copies for. Nothing tells when it has.
constexpr Duration kPause = std::chrono::microseconds(50);

/// `extents` widened to whole pages; ascending and disjoint if the input is.
std::vector<Extent> whole_pages(const std::vector<Extent>& extents, ByteCount page_size) {
  std::vector<Extent> whole;
  for (const Extent& extent : extents) {
    const ByteCount start = extent.offset / page_size * page_size;
    const ByteCount end = (extent.end() + page_size - 1) / page_size * page_size;
    if (!whole.empty() && start <= whole.back().end() && start >= whole.back().offset) {
      whole.back().length = std::max(whole.back().end(), end) - whole.back().offset;
    } else {
      whole.push_back({start, end - start});
    }
  }
  return whole;
}

/// Calls `part(extent)` for each piece of `extent` between multiples of `window`.
template <class Part>
void cut_at_windows(Extent extent, ByteCount window, Part part) {
  for (ByteCount at = extent.offset; at < extent.end();) {
    const ByteCount end = std::min(extent.end(), (at / window + 1) * window);
    part(Extent{at, end - at});
    at = end;
  }
}

/// Zeros are left to their faults. UFFDIO_ZEROPAGE in ranges of 2 MiB took 0.46 s for a GiB of shared memory (2 CPUs, Linux
/// 6.18), more than the same amount of data takes to be copied, and gives the guest host memory that most of it never
/// asks for; a fault on a zero page costs what any fault does.
std::vector<Extent> plan_all(const std::vector<Extent>& data, ByteCount window, ByteCount page_size) {
  std::vector<Extent> plan;
  for (const Extent& extent : whole_pages(data, page_size)) {
    cut_at_windows(extent, window, [&](Extent part) { plan.push_back(part); });
  }
  return plan;
}

std::vector<Extent> plan_working_set(const std::vector<Extent>& working_set, ByteCount window, ByteCount page_size) {
  std::vector<ByteCount> order;
  std::unordered_map<ByteCount, std::vector<Extent>> windows;
  for (const Extent& extent : working_set) {
    cut_at_windows(extent, window, [&](Extent part) {
      std::vector<Extent>& parts = windows[part.offset / window];
      if (parts.empty()) order.push_back(part.offset / window);
      parts.push_back(part);
    });
  }
  std::vector<Extent> plan;
  for (const ByteCount number : order) {
    std::vector<Extent>& parts = windows[number];
    std::sort(parts.begin(), parts.end(), [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
    for (const Extent& part : whole_pages(parts, page_size)) plan.push_back(part);
  }
  return plan;
}

}  // namespace

std::vector<Extent> plan_prefetch(Prefetch what, const std::vector<Extent>& data,
                                  const std::vector<Extent>& working_set, ByteCount chunk, ByteCount page_size) {
  const ByteCount window = std::max(chunk / page_size, ByteCount{1}) * page_size;
  switch (what) {
    case Prefetch::kOff:
      return {};
    case Prefetch::kAll:
      return plan_all(data, window, page_size);
    case Prefetch::kWorkingSet:
      return plan_working_set(working_set, window, page_size);
  }
  return {};
}

void Prefetcher::run(const std::vector<Extent>& plan) {
  for (const Extent& chunk : plan) {
    give_way();
    if (stopped()) return;
    const Result<void> fetched = fetch(chunk);
    if (!fetched && !stopped()) on_error_(fetched.error());
  }
}

Result<void> Prefetcher::fetch(Extent chunk) {
  // A memory of small and huge pages may end in the middle of a huge one.
  const ByteCount end = std::min(chunk.end(), memory_.tracker().memory_size());
  const std::optional<Extent> missing = memory_.tracker().find(PageState::kMissing, {chunk.offset, end - chunk.offset});
  if (!missing) return {};
  const Extent rest = {missing->offset, end - missing->offset};
  SNAP_ASSIGN(const std::span<const std::byte> bytes, reader_.read(rest.offset, rest.length));
  SNAP_TRY(before_prefetch_copy.hit());
  for (const Place& place : memory_.places_of(rest)) {
    SNAP_TRY(install(place, bytes.subspan(place.offset - rest.offset, place.length)));
  }
  return after_prefetch_copy.hit();
}

Result<void> Prefetcher::install(const Place& place, std::span<const std::byte> bytes) {
  const ByteCount slice = std::max(kSlice, place.page_size);
  ByteCount done = 0;
  while (done < place.length) {
    give_way();
    if (stopped()) return {};
    const ByteCount length = std::min(slice, place.length - done);
    const Place part = {place.address + done, place.offset + done, length, place.page_size};
    const TimePoint start = SteadyClock::now();
    SNAP_ASSIGN(const GuestMemory::Ahead ahead, memory_.install_ahead(part, bytes.subspan(done, length)));
    if (ahead.copied > 0) {
      counters_.prefetched_pages.add(ahead.copied / kPageSize);
      if (!working_set_.foreseen().empty()) counters_.working_set_hits.add(ahead.copied / kPageSize);
      trace_.add(TraceKind::kPrefetch, {part.offset, ahead.settled}, start, SteadyClock::now() - start);
    }
    done += ahead.settled;
    switch (ahead.outcome) {
      case Outcome::kInstalled:
      case Outcome::kAlreadyThere:
        break;
      case Outcome::kPending:
        stop_.wait_for(kPause);
        break;
      case Outcome::kVmGone:
        vm_gone_ = true;
        return {};
      case Outcome::kChanged:
      case Outcome::kUnmapped:
      case Outcome::kAbandoned:
        return {};  // Whatever still matters of it comes back as a fault.
    }
  }
  return {};
}

void Prefetcher::give_way() {
  stop_.wait_while_suspended();
  while (!stopped() && !queue_.wait_until_quiet(SteadyClock::now() + std::chrono::milliseconds(100))) {
  }
}

}  // namespace snaphammer::uffd
