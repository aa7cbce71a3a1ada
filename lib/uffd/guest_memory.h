// GuestMemory: one VM's memory under userfaultfd. The only place where events are read, pages are installed and
// their states change, so that the tracker and the kernel agree in every order of events.
//
//   memory.read_events(events);                                  // applies REMOVE and the like, returns faults
//   auto page = memory.page_at(fault.address);
//   ... get its content, however long that takes ...
//   switch (memory.install(*page, bytes)) { ... }                // decides anew under the gate
//
// Thread-safe. Reading never waits for the source of the bytes, only for installations that are in the kernel.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/uffd/event_gate.h"
#include "lib/uffd/page_tracker.h"
#include "lib/uffd/policy.h"
#include "lib/uffd/region_map.h"
#include "lib/uffd/stats.h"
#include "lib/uffd/trace.h"
#include "lib/uffd/userfaultfd.h"

namespace snaphammer::uffd {

/// A page as a fault found it.
struct PageView {
  Place place;
  PageState state = PageState::kMissing;
};

enum class Outcome {
  kInstalled,
  kAlreadyThere,  ///< Somebody else installed it; whoever waits has been woken.
  kChanged,       ///< Its state or place is no longer what the caller saw: look at it again.
  kPending,       ///< An event has to be read first, then look at it again.
  kUnmapped,      ///< Not registered at present. The event that tells why, if there is one, is about to come.
  kAbandoned,     ///< The policy says not to try again.
  kVmGone,
};

class GuestMemory {
 public:
  /// `counters` and `trace` outlive it. `memory_size` is that of the memory file.
  static Result<std::unique_ptr<GuestMemory>> adopt(Handoff handoff, ByteCount memory_size, const Policy& policy,
                                                    Counters& counters, Trace& trace);

  const Userfaultfd& uffd() const { return uffd_; }
  int fd() const { return uffd_.fd(); }
  const PageTracker& tracker() const { return tracker_; }
  bool vm_gone() const;

  /// Reads the events that are there, at most one batch, and appends those that the caller is to handle in this
  /// order: the faults, and when the policy is to take events as read, everything. True when there may be more. kTimeout when installations leave no room for
  /// reading before `deadline`.
  Result<bool> read_events(std::vector<MemoryEvent>& events, TimePoint deadline = TimePoint::max());
  /// Applies an event that is no fault. False: the server must end (OnRemove::kStop).
  bool apply(const MemoryEvent& event);
  /// Whether a REMOVE has ended the server (OnRemove::kStop).
  bool ended() const { return ended_.load(std::memory_order_acquire); }

  std::optional<PageView> page_at(std::uint64_t address) const;
  /// The host pages that hold `extent`, where they are mapped now.
  std::vector<Place> places_of(Extent extent) const;

  /// Resolves a fault on `page` with `bytes`, or with zeros when there are none. An error is one of the kernel's.
  Result<Outcome> install(const PageView& page, std::span<const std::byte> bytes);

  /// The same for a page whose installation the kernel refused: in each moment between two events, until `deadline`.
  /// Whoever was raising an event goes on as soon as it is read, and raises the next one a microsecond later: only one
  /// who reads and installs by himself, without a change of threads, is sure to come in between. What it reads is
  /// applied; faults are appended to `faults`.
  Result<Outcome> install_between_events(const PageView& page, std::span<const std::byte> bytes,
                                         std::vector<MemoryEvent>& faults, TimePoint deadline);

  /// How prefetch of one range went: the first `settled` bytes need no more work, `copied` of them were copied.
  struct Ahead {
    ByteCount settled = 0;
    ByteCount copied = 0;
    Outcome outcome = Outcome::kInstalled;
  };
  /// Installs the pages of `place` that are still missing from `bytes`.
  Result<Ahead> install_ahead(const Place& place, std::span<const std::byte> bytes);

  /// Nothing is read or installed while it is held, by the thread that asked. kTimeout when an installation does not end.
  Result<std::unique_lock<EventGate>> stand_still(TimePoint deadline) const;

  /// Takes whole host pages whose content is zeros out of the userfaultfd. From then on they are the kernel's, as removed
  /// as a page can be: it fills them, and no event tells of it. For the time before the first fault is read.
  Result<void> leave_to_kernel(Extent zeros);

  /// Makes OnEagain::kSpin end; for the moment before threads are joined.
  void interrupt() { interrupted_.store(true, std::memory_order_release); }

 private:
  GuestMemory(Userfaultfd uffd, std::vector<Region> regions, ByteCount memory_size, const Policy& policy,
              Counters& counters, Trace& trace, Mapping zeros);

  Result<bool> read_locked(std::vector<MemoryEvent>& events);
  Result<Outcome> install_locked(const PageView& page, std::span<const std::byte> bytes);
  bool apply_locked(const MemoryEvent& event);
  bool remove_locked(const MemoryEvent& event);
  Installed put(const Place& place, std::span<const std::byte> bytes) const;
  Installed put_with_policy(const Place& place, std::span<const std::byte> bytes, Outcome& refusal) const;
  std::optional<PageView> page_at_locked(std::uint64_t address) const;

  Userfaultfd uffd_;
  RegionMap regions_;  // Guarded by gate_.
  PageTracker tracker_;
  const Policy policy_;
  Counters& counters_;
  Trace& trace_;
  Mapping zeros_;  // The kernel has no zero-fill for huge pages: zeros are copied from here.
  mutable EventGate gate_;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> interrupted_ = false;
};

}  // namespace snaphammer::uffd
