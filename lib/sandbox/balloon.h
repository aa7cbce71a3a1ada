// The balloon around a pause: the guest gives up what it can spare before it is frozen, so that a snapshot holds less and a
// restore loads less, and gets all of it back before its workloads go on: they may need it at once.
//
//   CO_SNAP_TRY(co_await inflate_balloon(incarnation, {}));
//   ... freeze, store, thaw ...
//   CO_SNAP_TRY(co_await deflate_balloon(incarnation));
//
// The guest's driver does the work, page by page, and may stop short of what it was asked for: that is no error. QEMU tells
// of a change at most once a second (BALLOON_CHANGE is rate-limited), so the balloon's size is asked for.
#pragma once

#include "lib/agent/metrics_protocol.h"
#include "lib/base/async.h"
#include "lib/base/units.h"
#include "lib/sandbox/incarnation.h"
#include "lib/sandbox/pause_balloon.h"

namespace snaphammer::sandbox {

/// What a guest of `whole` bytes can spare, of which the host holds `held` (what was never touched costs nothing):
/// what programs could still get, less a floor for the work around the pause and the restore; no more than what the host holds
/// and the guest does not use; and nothing when that is too little to be worth the while that it takes.
ByteCount spare_memory(const agent::Metrics& metrics, ByteCount whole, ByteCount held);

/// Returns when the guest has given up as much as it should, or gives up no more.
Async<void> inflate_balloon(Incarnation& guest, PauseBalloon balloon);

/// Gives the guest all of its memory back; returns when it has taken it, or takes no more.
Async<void> deflate_balloon(Incarnation& guest);

/// Takes from a guest without workloads what it has used and freed, as far as it can spare it, and gives it back at once: it
/// reads as zeros from then on, which a snapshot does not store and a restore does not fetch.
Async<void> empty_free_memory(Incarnation& guest);

}  // namespace snaphammer::sandbox
