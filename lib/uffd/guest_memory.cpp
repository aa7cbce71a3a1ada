#include "lib/uffd/guest_memory.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>

#include <fmt/format.h>
#include <sys/mman.h>

#include "lib/base/failpoint.h"
#include "lib/base/log.h"

namespace snaphammer::uffd {
namespace {

Failpoint in_copy("uffd.in_copy");               // Inside the gate: decided, the system call comes next.
Failpoint in_prefetch("uffd.prefetch.in_copy");  // The same for prefetch.

std::string_view what_of(std::span<const std::byte> bytes) { return bytes.empty() ? "zero-fill" : "copy"; }

/// `what` is what the kernel was to do with the page.
Error refused(std::string_view what, ByteCount page, int error) {
  const std::string context = fmt::format("{} of page {:#x}", what, page);
  if (error == EFAULT) return Error(ErrorKind::kCorrupt, context + ": the file of its bytes was cut off");
  return errno_error(context, error);
}

}  // namespace

Result<std::unique_ptr<GuestMemory>> GuestMemory::adopt(Handoff handoff, ByteCount memory_size, const Policy& policy,
                                                        Counters& counters, Trace& trace) {
  SNAP_ASSIGN(Userfaultfd uffd, Userfaultfd::adopt(std::move(handoff.userfaultfd)));
  ByteCount largest_page = kPageSize;
  for (const Region& region : handoff.regions) largest_page = std::max(largest_page, region.page_size);
  Mapping zeros;
  if (largest_page > kPageSize) {
    SNAP_ASSIGN(zeros, Mapping::map(largest_page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS));
  }
  return std::unique_ptr<GuestMemory>(new GuestMemory(std::move(uffd), std::move(handoff.regions), memory_size, policy,
                                                      counters, trace, std::move(zeros)));
}

GuestMemory::GuestMemory(Userfaultfd uffd, std::vector<Region> regions, ByteCount memory_size, const Policy& policy,
                         Counters& counters, Trace& trace, Mapping zeros)
    : uffd_(std::move(uffd)),
      regions_(std::move(regions)),
      tracker_(memory_size),
      policy_(policy),
      counters_(counters),
      trace_(trace),
      zeros_(std::move(zeros)) {}

bool GuestMemory::vm_gone() const {
  const std::shared_lock installing(gate_);
  return !regions_.regions().empty() && uffd_.process_gone(regions_.regions().front().base);
}

Result<bool> GuestMemory::read_events(std::vector<MemoryEvent>& events, TimePoint deadline) {
  SNAP_ASSIGN(const std::unique_lock<EventGate> reading, stand_still(deadline));
  return read_locked(events);
}

Result<std::unique_lock<EventGate>> GuestMemory::stand_still(TimePoint deadline) const {
  std::unique_lock gate(gate_, std::defer_lock);
  if (deadline == TimePoint::max()) {
    gate.lock();
  } else if (!gate.try_lock_until(deadline)) {
    return Error(ErrorKind::kTimeout, "userfaultfd: an installation of a page does not end");
  }
  return gate;
}

Result<bool> GuestMemory::read_locked(std::vector<MemoryEvent>& events) {
  if (ended()) return false;
  const auto first_new = static_cast<std::ptrdiff_t>(events.size());
  SNAP_ASSIGN(const bool more, uffd_.read(events));
  if (policy_.event_order == EventOrder::kRemovesFirst) {
    events.erase(std::remove_if(events.begin() + first_new, events.end(),
                                [this](const MemoryEvent& event) {
                                  if (event.kind == MemoryEvent::Kind::kFault) return false;
                                  apply_locked(event);
                                  return true;
                                }),
                 events.end());
  }
  return more;
}

bool GuestMemory::apply(const MemoryEvent& event) {
  const std::unique_lock reading(gate_);
  return apply_locked(event);
}

bool GuestMemory::apply_locked(const MemoryEvent& event) {
  const std::uint64_t end = event.address + event.length;
  switch (event.kind) {
    case MemoryEvent::Kind::kFault:
      break;
    case MemoryEvent::Kind::kRemove:
      return remove_locked(event);
    case MemoryEvent::Kind::kUnmap:
      counters_.unmaps.add();
      trace_.add(TraceKind::kUnmap, {event.address, event.length}, SteadyClock::now());
      regions_.unmap(event.address, end);
      break;
    case MemoryEvent::Kind::kRemap:
      counters_.remaps.add();
      trace_.add(TraceKind::kRemap, {event.address, event.length}, SteadyClock::now());
      regions_.remap(event.address, event.to, event.length);
      break;
    case MemoryEvent::Kind::kFork:
      // A VMM's child does not run the guest: closing its descriptor (with the event) unregisters its memory.
      counters_.forks.add();
      trace_.add(TraceKind::kFork, {}, SteadyClock::now());
      log_warning("uffd", "the VMM forked with guest memory registered; the child's memory is not served");
      break;
  }
  return true;
}

bool GuestMemory::remove_locked(const MemoryEvent& event) {
  counters_.removes.add();
  const TimePoint now = SteadyClock::now();
  for (const Place& place : regions_.places_of_addresses(event.address, event.address + event.length)) {
    trace_.add(TraceKind::kRemove, place.extent(), now);
    counters_.removed_pages.add(place.length / kPageSize);
    // Neither transition is ever illegal.
    switch (policy_.on_remove) {
      case OnRemove::kZero:
        (void)tracker_.apply(PageEvent::kRemoved, place.offset, place.length);
        break;
      case OnRemove::kIgnore:
        (void)tracker_.apply(PageEvent::kForgotten, place.offset, place.length);
        break;
      case OnRemove::kStop:
        ended_.store(true, std::memory_order_release);
        return false;
    }
  }
  return true;
}

std::optional<PageView> GuestMemory::page_at(std::uint64_t address) const {
  const std::shared_lock installing(gate_);
  return page_at_locked(address);
}

std::optional<PageView> GuestMemory::page_at_locked(std::uint64_t address) const {
  const std::optional<Place> place = regions_.page_at(address);
  if (!place) return std::nullopt;
  return PageView{*place, tracker_.state(place->offset)};
}

std::vector<Place> GuestMemory::places_of(Extent extent) const {
  const std::shared_lock installing(gate_);
  return regions_.places_of_extent(extent);
}

Result<void> GuestMemory::leave_to_kernel(Extent zeros) {
  const std::unique_lock reading(gate_);
  for (const Place& place : regions_.places_of_extent(zeros)) {
    SNAP_TRY(uffd_.unregister(place.address, place.length));
    SNAP_TRY(tracker_.apply(PageEvent::kRemoved, place.offset, place.length));
  }
  return {};
}

Installed GuestMemory::put(const Place& place, std::span<const std::byte> bytes) const {
  if (!bytes.empty()) return uffd_.copy(place.address, bytes);
  if (place.page_size == kPageSize) return uffd_.zero(place.address, place.length);
  return uffd_.copy(place.address, zeros_.bytes().first(place.length));
}

/// put(), and the one place that says what an EAGAIN leads to.
Installed GuestMemory::put_with_policy(const Place& place, std::span<const std::byte> bytes, Outcome& refusal) const {
  for (;;) {
    const Installed installed = put(place, bytes);
    if (installed.error != EAGAIN) return installed;
    counters_.eagain.add();
    switch (policy_.on_eagain) {
      case OnEagain::kDefer:
        refusal = Outcome::kPending;
        return installed;
      case OnEagain::kDrop:
        refusal = Outcome::kAbandoned;
        return installed;
      case OnEagain::kSpin:
        // The gate stays shut: as in a server of one thread, nobody reads the event that would end this.
        refusal = Outcome::kAbandoned;
        if (interrupted_.load(std::memory_order_acquire)) return installed;
        break;
    }
  }
}

Result<Outcome> GuestMemory::install(const PageView& page, std::span<const std::byte> bytes) {
  const std::shared_lock installing(gate_);
  return install_locked(page, bytes);
}

Result<Outcome> GuestMemory::install_between_events(const PageView& page, std::span<const std::byte> bytes,
                                                    std::vector<MemoryEvent>& faults, TimePoint deadline) {
  const std::unique_lock reading(gate_);
  for (;;) {
    SNAP_ASSIGN(const Outcome outcome, install_locked(page, bytes));
    if (outcome != Outcome::kPending || SteadyClock::now() >= deadline) return outcome;
    // Events that are to be taken as read are not for here: they wait for the faults before them.
    if (ended() || policy_.event_order != EventOrder::kRemovesFirst) return outcome;
    SNAP_TRY(read_locked(faults));
  }
}

Result<Outcome> GuestMemory::install_locked(const PageView& page, std::span<const std::byte> bytes) {
  const Place& place = page.place;
  const std::optional<PageView> now = page_at_locked(place.address);
  if (!now || now->place != place || now->state != page.state) return Outcome::kChanged;
  SNAP_TRY(in_copy.hit());
  Outcome refusal = Outcome::kPending;
  const Installed installed = put_with_policy(place, bytes, refusal);
  const PageEvent event = bytes.empty() ? PageEvent::kZeroed : PageEvent::kCopied;
  switch (installed.error) {
    case 0:
      SNAP_TRY(tracker_.apply(event, place.offset, place.length));
      return Outcome::kInstalled;
    case EEXIST:
      SNAP_TRY(tracker_.apply(event, place.offset, place.length));
      uffd_.wake(place.address, place.length);
      return Outcome::kAlreadyThere;
    case EAGAIN:
      return refusal;
    case ENOENT:
      return Outcome::kUnmapped;
    case ESRCH:
      return Outcome::kVmGone;
    default:
      return refused(what_of(bytes), place.offset, installed.error);
  }
}

Result<GuestMemory::Ahead> GuestMemory::install_ahead(const Place& place, std::span<const std::byte> bytes) {
  const std::shared_lock installing(gate_);
  Ahead ahead;
  while (ahead.settled < place.length) {
    const ByteCount from = place.offset + ahead.settled;
    const auto missing = tracker_.find(PageState::kMissing, {from, place.length - ahead.settled});
    if (!missing) break;
    ahead.settled = missing->offset - place.offset;
    const Place run = {place.address + ahead.settled, missing->offset, missing->length, place.page_size};
    const std::optional<Place> now = regions_.page_at(run.address);
    if (!now || now->offset != run.offset) {
      ahead.outcome = Outcome::kChanged;
      return ahead;
    }
    SNAP_TRY(in_prefetch.hit());
    Outcome refusal = Outcome::kPending;
    const Installed installed = put_with_policy(run, bytes.subspan(ahead.settled, run.length), refusal);
    // A page that was there counts as settled; its state follows the kernel's.
    const ByteCount known = installed.done + (installed.error == EEXIST ? place.page_size : 0);
    SNAP_TRY(tracker_.apply(PageEvent::kCopied, run.offset, known));
    ahead.settled += known;
    ahead.copied += installed.done;
    switch (installed.error) {
      case 0:
      case EEXIST:
        break;
      case EAGAIN:
        ahead.outcome = refusal;
        return ahead;
      case ENOENT:
        ahead.outcome = Outcome::kUnmapped;
        return ahead;
      case ESRCH:
        ahead.outcome = Outcome::kVmGone;
        return ahead;
      default:
        return refused("prefetch", run.offset, installed.error);
    }
  }
  ahead.settled = place.length;
  return ahead;
}

}  // namespace snaphammer::uffd
