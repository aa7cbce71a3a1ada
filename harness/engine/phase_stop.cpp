#include "harness/engine/phase_stop.h"

#include <utility>

namespace snaphammer::engine {

Async<void> PhaseStop::at(std::string point) {
  if (waiting_ != nullptr) {
    co_return Error(ErrorKind::kUnavailable, "freeze: a step beside this one waits for " + waiting_->point);
  }
  const auto waiting = std::make_shared<Waiting>(Waiting{.point = std::move(point), .stopped = Event(executor_)});
  waiting_ = waiting;
  const Result<void> came = co_await waiting->stopped.wait();
  if (waiting_ == waiting) waiting_.reset();
  CO_SNAP_TRY(came);
  co_return waiting->outcome;
}

// Whatever comes of it is for the step that waits; the sequence goes on.
Async<void> PhaseStop::reached(std::string point, sandbox::Sandbox& sandbox) {
  if (waiting_ == nullptr || waiting_->point != point) co_return Result<void>();
  const std::shared_ptr<Waiting> waiting = std::exchange(waiting_, nullptr);
  waiting->outcome = co_await sandbox.stop_at_phase();
  waiting->stopped.set();
  co_return Result<void>();
}

}  // namespace snaphammer::engine
