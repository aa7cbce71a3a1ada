// Prepares the guest for a snapshot, and undoes that: /snapshot/prepare, /snapshot/undo, /snapshot/drop-page-cache.
//
// In this order: port forwarders are stopped; idle HTTP connections are closed; each workload is asked to collect
// garbage, and last to stand still, so that after the last act that allocates nothing but the answer is left to be done.
// PrepareRequest::gc moves the collection, which is how systems got it wrong. What was prepared is undone by request, or by the first /init of a new
// generation: that is a guest which was restored. Nothing else undoes it: a health check during the pause does not,
// unless PrepareRequest::undone_by says so, which is how a system got it wrong.
#pragma once

#include <functional>

#include "guest-workloads/agent/guest_system.h"
#include "guest-workloads/agent/ports/port_service.h"
#include "guest-workloads/agent/router.h"
#include "guest-workloads/agent/workloads.h"
#include "lib/agent/protocol.h"

namespace snaphammer::guest {

class QuiesceService {
 public:
  QuiesceService(GuestSystem& system, WorkloadService& workloads, PortService& ports,
                 std::function<void()> close_idle_connections)
      : system_(system),
        workloads_(workloads),
        ports_(ports),
        close_idle_connections_(std::move(close_idle_connections)) {}

  void add_routes(Router& router);
  bool quiesced() const { return quiesced_; }
  Async<void> undo();
  /// Somebody has asked for the guest's health.
  Async<void> note_health_check();

 private:
  Awaitable<void> answer_prepare(Exchange& exchange);
  Awaitable<void> answer_undo(Exchange& exchange);
  Awaitable<void> answer_drop_page_cache(Exchange& exchange);
  Async<void> prepare(agent::PrepareRequest request);

  GuestSystem& system_;
  WorkloadService& workloads_;
  PortService& ports_;
  std::function<void()> close_idle_connections_;
  bool quiesced_ = false;
  agent::UndoneBy undone_by_ = agent::UndoneBy::kInit;
  bool ports_stopped_ = false;  ///< By prepare(): so they are to be started again.
};

}  // namespace snaphammer::guest
