// Prepares the guest for a snapshot, and undoes that: /snapshot/prepare, /snapshot/undo, /snapshot/drop-page-cache.
//
// In this order: port forwarders are stopped; idle HTTP connections are closed; each workload is asked to collect
// garbage, and last to stand still, so that after the last act that allocates nothing but the answer is left to be done.
// PrepareRequest::gc moves the collection, which is how systems got it wrong. What was prepared is undone by request, or by
// the first /init of a new generation: that is a guest which was restored. Nothing else undoes it: a health check does not,
// unless PrepareRequest::undone_by says so, which is how a system got it wrong.
//
// Whoever gives up a prepare may undo it at once. It ends before workloads are asked again, and is undone then; one that is
// read after its undo, though it was sent before, is refused.
#pragma once

#include <functional>

#include "guest-workloads/agent/guest_system.h"
#include "guest-workloads/agent/ports/port_service.h"
#include "guest-workloads/agent/router.h"
#include "guest-workloads/agent/turns.h"
#include "guest-workloads/agent/workloads.h"
#include "lib/agent/protocol.h"

namespace snaphammer::guest {

class QuiesceService {
 public:
  /// `close_idle_connections` gets the time at which they were idle already.
  QuiesceService(const asio::any_io_executor& executor, GuestSystem& system, WorkloadService& workloads,
                 PortService& ports, std::function<void(TimePoint)> close_idle_connections)
      : system_(system),
        workloads_(workloads),
        ports_(ports),
        close_idle_connections_(std::move(close_idle_connections)),
        turns_(executor) {}

  void add_routes(Router& router);
  bool quiesced() const { return quiesced_; }
  /// Whatever was asked for before `asked` is undone or will not be done.
  Async<void> undo(TimePoint asked = SteadyClock::now());
  /// Somebody has asked for the guest's health.
  Async<void> note_health_check();

 private:
  Awaitable<void> answer_prepare(Exchange& exchange);
  Awaitable<void> answer_undo(Exchange& exchange);
  Awaitable<void> answer_drop_page_cache(Exchange& exchange);
  Async<void> prepare(agent::PrepareRequest request, TimePoint asked);
  Async<void> prepare_in_turn(const agent::PrepareRequest& request, TimePoint asked);
  Async<void> undo_in_turn();
  /// An error when an undo has been asked for later than `asked`.
  Result<void> is_still_wanted(TimePoint asked) const;

  GuestSystem& system_;
  WorkloadService& workloads_;
  PortService& ports_;
  std::function<void(TimePoint)> close_idle_connections_;
  Turns turns_;            ///< To prepare and to undo.
  TimePoint last_undo_{};  ///< When it was asked for.
  bool quiesced_ = false;
  agent::UndoneBy undone_by_ = agent::UndoneBy::kInit;
  bool ports_stopped_ = false;  ///< By prepare(): so they are to be started again.
};

}  // namespace snaphammer::guest
