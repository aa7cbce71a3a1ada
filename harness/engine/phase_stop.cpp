#include "harness/engine/phase_stop.h"

namespace snaphammer::engine {

Result<void> PhaseStop::arm(std::string point, Told told) {
  if (armed_ != nullptr) {
    return Error(ErrorKind::kUnavailable, "another freeze waits for " + armed_->point)
        .advise("freeze at one at a time");
  }
  armed_ = std::make_shared<Stop>(Stop{.point = std::move(point), .told = std::move(told), .done = Event(executor_)});
  return {};
}

std::optional<std::string> PhaseStop::armed() const {
  return armed_ == nullptr ? std::nullopt : std::optional(armed_->point);
}

Async<void> PhaseStop::wait() {
  const std::shared_ptr<Stop> stop = armed_;
  if (stop == nullptr) co_return Result<void>();
  CO_SNAP_TRY(co_await stop->done.wait());
  co_return stop->outcome;
}

// The sequence waits until they were looked at, and goes on whatever came of it. Where it failed it stays armed.
Async<void> PhaseStop::reached(std::string point) {
  if (armed_ == nullptr || armed_->begun || armed_->point != point) co_return Result<void>();
  const std::shared_ptr<Stop> stop = armed_;
  stop->begun = true;
  stop->outcome = co_await carry_out(*stop);
  stop->done.set();
  if (armed_ == stop && stop->outcome) armed_.reset();
  co_return Result<void>();
}

Async<void> PhaseStop::carry_out(Stop& stop) {
  CO_SNAP_TRY(co_await sandbox_.stop_at_phase());
  CO_SNAP_ASSIGN(std::vector<vmm::VcpuState> vcpus, co_await sandbox_.incarnation()->vm().vcpus(symbols_.identities()));
  stop.told(std::move(vcpus));
  co_return Result<void>();
}

}  // namespace snaphammer::engine
