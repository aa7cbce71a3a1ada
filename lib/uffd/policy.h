// The page server's knobs: what it does where real page servers have gone wrong.
//
//   Policy policy;                          // right in every respect
//   policy.on_remove = OnRemove::kIgnore;   // the defect under test
//
// Each first value is right. Every other one brings a real defect back by its own mechanism; each knob is
// consumed at one place, which its comment names. Plain values: copy them freely.
#pragma once

#include "lib/base/units.h"

namespace snaphammer::uffd {

/// What a REMOVE event does to the pages that it names. Acts in GuestMemory::apply().
enum class OnRemove {
  kZero,    ///< They hold zeros from now on.
  kIgnore,  ///< Nothing is remembered: to the server they are pages not served yet, so that the next fault
            ///< copies the snapshot's bytes over memory that the guest had given up.
  kStop,    ///< The event is one the server does not know: it ends, and the guest freezes at the next fault.
};

/// What happens to a copy that failed with EAGAIN because an event is pending. Acts in GuestMemory::install().
enum class OnEagain {
  kDefer,  ///< It waits until the pending events have been read and applied, then it is examined anew.
  kDrop,   ///< The failure is taken for "somebody else serves it": the faulting thread waits for ever.
  kSpin,   ///< The copy is repeated at once, without reading on: it can never succeed.
};

/// In which order the events of one read are applied. Acts in GuestMemory::read_events().
enum class EventOrder {
  kRemovesFirst,  ///< REMOVE and the like before faults: the kernel delivers faults ahead of older REMOVEs.
  kAsRead,        ///< As delivered: a fault is served with what was known before the REMOVE next to it.
};

/// Which pages are installed before the guest asks for them. Acts in plan_prefetch().
enum class Prefetch {
  kAll,         ///< All data of the snapshot, in large copies.
  kOff,         ///< None.
  kWorkingSet,  ///< The pages that an earlier restore asked for, in that order.
};

struct Policy {
  OnRemove on_remove = OnRemove::kZero;
  OnEagain on_eagain = OnEagain::kDefer;
  EventOrder event_order = EventOrder::kRemovesFirst;
  Prefetch prefetch = Prefetch::kAll;
  /// How many faults are served at the same time; one more thread goes on reading events. At least 1.
  unsigned workers = 2;
  /// How much prefetch asks of the source at a time; a multiple of 4 KiB, at least one page.
  ByteCount prefetch_chunk = 2_MiB;
  /// How often a failed read of the source is repeated before it is reported.
  unsigned read_retries = 3;
};

}  // namespace snaphammer::uffd
