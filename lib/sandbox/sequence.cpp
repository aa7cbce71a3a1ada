#include "lib/sandbox/sequence.h"

#include <boost/asio/bind_cancellation_slot.hpp>

#include "lib/base/log.h"

namespace snaphammer::sandbox {

void Sequence::add(PhaseId id, Duration deadline, Action action, Action undo) {
  phases_.push_back({id, deadline, std::move(action), std::move(undo)});
}

Async<void> Sequence::reach(std::string point) {
  return observer_ == nullptr ? completed(Result<void>()) : observer_->at(std::move(point));
}

Async<void> Sequence::run_phase(const Phase& phase) {
  CO_SNAP_TRY(co_await reach(phase.id.before()));
  auto done = co_await with_deadline(phase.deadline, std::string(phase.id.name), phase.action());
  CO_SNAP_TRY(std::move(done));
  co_return co_await reach(phase.id.after());
}

Awaitable<SequenceOutcome> Sequence::run(OnAbort on_abort) {
  // A cancelled phase ends like a failed one; without this, Asio would throw before it could be undone.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  SequenceOutcome outcome;
  std::size_t begun = 0;
  for (const Phase& phase : phases_) {
    ++begun;
    // Asio remembers a cancellation that came while no operation was outstanding, and cancels nothing after it.
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) {
      outcome.result = Error(ErrorKind::kCancelled, "cancelled");
      break;
    }
    const TimePoint start = SteadyClock::now();
    outcome.result = co_await run_phase(phase);
    outcome.timings.push_back({std::string(phase.id.name), SteadyClock::now() - start, start});
    log_debug("sequence", "{}: {} took {:.3f} ms", description_, phase.id.name, to_ms(outcome.timings.back().took));
    if (!outcome.result) break;
  }
  if (!outcome.result) {
    outcome.result = std::move(outcome.result).error().in(phases_[begun - 1].id.path()).in(description_);
    outcome.service_restored = false;
    if (on_abort == OnAbort::kUndo) {
      // On a thread of control of its own: whoever cancelled the sequence wants it to end, but not half-way.
      const auto executor = co_await asio::this_coro::executor;
      outcome.service_restored = co_await asio::co_spawn(
          executor, undo(begun), asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
    }
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return outcome;
}

Awaitable<bool> Sequence::undo(std::size_t begun) {
  bool all_undone = true;
  while (begun-- > 0) {
    const Phase& phase = phases_[begun];
    if (!phase.undo) continue;
    auto undone = co_await with_deadline(phase.deadline, "undo " + phase.id.path(), phase.undo());
    if (!undone) {
      all_undone = false;
      log_warning("sequence", "{}: {}", description_, undone.error().describe());
    }
  }
  co_return all_undone;
}

}  // namespace snaphammer::sandbox
