#include "guest-workloads/agent/quiesce.h"

#include <algorithm>
#include <utility>

#include "guest-workloads/agent/read_request.h"

namespace snaphammer::guest {
namespace {

using agent::PrepareRequest;
using agent::QuiesceGc;
using agent::QuiescePorts;

constexpr Duration kResumeLimit = std::chrono::seconds(10);

}  // namespace

void QuiesceService::add_routes(Router& router) {
  router.add("POST", "/snapshot/prepare", [this](Exchange& exchange) { return answer_prepare(exchange); });
  router.add("POST", "/snapshot/undo", [this](Exchange& exchange) { return answer_undo(exchange); });
  router.add("POST", "/snapshot/drop-page-cache",
             [this](Exchange& exchange) { return answer_drop_page_cache(exchange); });
}

Awaitable<void> QuiesceService::answer_prepare(Exchange& exchange) {
  const Result<PrepareRequest> request = read_request<PrepareRequest>(exchange);
  if (!request) {
    co_await exchange.fail(request.error());
    co_return;
  }
  auto prepared = co_await prepare(*request, exchange.since());
  co_await exchange.conclude(prepared);
}

Awaitable<void> QuiesceService::answer_undo(Exchange& exchange) {
  auto undone = co_await undo(exchange.since());
  co_await exchange.conclude(undone);
}

Awaitable<void> QuiesceService::answer_drop_page_cache(Exchange& exchange) {
  co_await exchange.conclude(system_.drop_page_cache());
}

Result<void> QuiesceService::is_still_wanted(TimePoint asked) const {
  if (last_undo_ < asked) return {};
  return Error(ErrorKind::kUnavailable, "prepare: undone before it was done");
}

Async<void> QuiesceService::prepare(PrepareRequest request, TimePoint asked) {
  const Turns::Turn mine = co_await turns_.take();
  auto prepared = co_await prepare_in_turn(request, asked);
  co_return prepared;
}

Async<void> QuiesceService::prepare_in_turn(const PrepareRequest& request, TimePoint asked) {
  CO_SNAP_TRY(is_still_wanted(asked));
  quiesced_ = true;  // From here on there may be something to undo.
  undone_by_ = request.undone_by;
  if (request.ports == QuiescePorts::kStop && ports_.running()) {
    ports_stopped_ = true;
    co_await ports_.stop();
  }
  CO_SNAP_TRY(is_still_wanted(asked));
  if (request.gc == QuiesceGc::kFirst) {
    CO_SNAP_TRY(co_await workloads_.ask_all("collect", "collected", request.timeout));
    CO_SNAP_TRY(is_still_wanted(asked));
  }
  // Not one that has come since: it may be about to undo this.
  close_idle_connections_(asked);
  if (request.gc == QuiesceGc::kLast) {
    CO_SNAP_TRY(co_await workloads_.ask_all("collect", "collected", request.timeout));
    CO_SNAP_TRY(is_still_wanted(asked));
  }
  const std::string command = request.single_thread ? "quiesce" : "quiesce keep-threads";
  co_return co_await workloads_.ask_all(command, "quiesced", request.timeout);
}

Async<void> QuiesceService::note_health_check() {
  if (undone_by_ == agent::UndoneBy::kInit) co_return Result<void>();
  const Turns::Turn mine = co_await turns_.take();
  auto undone = co_await undo_in_turn();
  co_return undone;
}

Async<void> QuiesceService::undo(TimePoint asked) {
  last_undo_ = std::max(last_undo_, asked);
  const Turns::Turn mine = co_await turns_.take();
  auto undone = co_await undo_in_turn();
  co_return undone;
}

Async<void> QuiesceService::undo_in_turn() {
  if (!quiesced_) co_return Result<void>();
  if (std::exchange(ports_stopped_, false)) co_await ports_.start();
  CO_SNAP_TRY(co_await workloads_.ask_all("resume", "resumed", kResumeLimit));
  quiesced_ = false;
  co_return Result<void>();
}

}  // namespace snaphammer::guest
