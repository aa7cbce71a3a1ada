// A sequence of named phases: how a guest is paused and how it is restored.
//
//   Sequence sequence("pause s1", observer);
//   sequence.add(phases::kFreeze, 5s, [this] { return vm_->pause(); },      // action
//                             [this] { return vm_->resume(); });    // undo
//   SequenceOutcome outcome = co_await sequence.run(OnAbort::kUndo);
//
// One loop runs the phases: deadline, points before and after, timing, and giving the service back when a phase
// fails all live there, once.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/async.h"
#include "lib/base/units.h"
#include "lib/sandbox/phases.h"

namespace snaphammer::sandbox {

/// Is told at both points of each phase, and when all was in vain.
class PhaseObserver {
 public:
  virtual ~PhaseObserver() = default;
  /// `point` is PhaseId::before() or after(). What is done here belongs to the phase: the sequence goes on when this
  /// returns, and an error fails the phase.
  virtual Async<void> at(std::string point) = 0;
  /// A sequence has failed, and the guest is ended when this returns: the last moment at which it can be looked at.
  virtual Awaitable<void> gives_up(const Error& /*why*/) { co_return; }
};

/// What to do with the phases already done when one fails.
enum class OnAbort {
  kUndo,     ///< Undo them, the last first: the service is given back.
  kAbandon,  ///< Leave everything as it is: how systems ended with guests left quiesced (wrenn).
};

struct PhaseTiming {
  std::string name;
  Duration took{};
  TimePoint start{};
};

struct SequenceOutcome {
  Result<void> result;               ///< The first failure, with the phase in its message.
  std::vector<PhaseTiming> timings;  ///< Of the phases that were begun, in order.
  /// False when a phase had failed and giving the service back failed too: the guest is in an unknown state.
  bool service_restored = true;
};

class Sequence {
 public:
  using Action = std::function<Async<void>()>;

  /// `description` prefixes errors: "restore s1". `observer` may be null.
  explicit Sequence(std::string description, PhaseObserver* observer = nullptr)
      : description_(std::move(description)), observer_(observer) {}

  /// Appends a phase. `undo` gives back what the action took, also when the action failed half-way; it must
  /// succeed when there is nothing to give back. Each gets `deadline`.
  void add(PhaseId id, Duration deadline, Action action, Action undo = nullptr);

  /// Runs the phases in order. A failure, a passed deadline or a cancellation ends it; undoing is not cancellable,
  /// only bounded by the deadlines.
  Awaitable<SequenceOutcome> run(OnAbort on_abort);

 private:
  struct Phase {
    PhaseId id;
    Duration deadline;
    Action action;
    Action undo;
  };

  Async<void> run_phase(const Phase& phase);
  Async<void> reach(std::string point);
  Awaitable<bool> undo(std::size_t begun);

  std::string description_;
  PhaseObserver* observer_;
  std::vector<Phase> phases_;
};

}  // namespace snaphammer::sandbox
