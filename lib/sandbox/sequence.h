// A sequence of named phases: how a guest is paused and how it is restored.
//
//   const PhaseId kFreeze("pause", "freeze");                       // at namespace scope: name and failpoints
//
//   Sequence sequence("pause s1");
//   sequence.add(kFreeze, 5s, [this] { return vm_->pause(); },      // action
//                             [this] { return vm_->resume(); });    // undo
//   SequenceOutcome outcome = co_await sequence.run(OnAbort::kUndo);
//
// One loop runs the phases: deadline, failpoints before and after, timing, and giving the service back when a phase
// fails all live there, once.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/async.h"
#include "lib/base/failpoint.h"
#include "lib/base/units.h"

namespace snaphammer::sandbox {

/// The static identity of a phase: its name, and its failpoints "<sequence>.<name>:before" and ":after".
class PhaseId {
 public:
  PhaseId(std::string_view sequence, std::string_view name);

  /// "<sequence>.<name>"
  const std::string& path() const { return path_; }
  std::string_view name() const { return std::string_view(path_).substr(name_at_); }

 private:
  friend class Sequence;
  std::string path_;
  std::size_t name_at_;
  mutable Failpoint before_;
  mutable Failpoint after_;
};

/// What to do with the phases already done when one fails.
enum class OnAbort {
  kUndo,     ///< Undo them, the last first: the service is given back.
  kAbandon,  ///< Leave everything as it is: how systems ended with guests left quiesced (wrenn).
};

struct PhaseTiming {
  std::string name;
  Duration took{};
};

struct SequenceOutcome {
  Result<void> result;  ///< The first failure, with the phase in its message.
  std::vector<PhaseTiming> timings;  ///< Of the phases that were begun, in order.
  /// False when a phase had failed and giving the service back failed too: the guest is in an unknown state.
  bool service_restored = true;
};

class Sequence {
 public:
  using Action = std::function<Async<void>()>;

  /// `description` prefixes errors: "restore s1".
  explicit Sequence(std::string description) : description_(std::move(description)) {}

  /// Appends a phase. `undo` gives back what the action took, also when the action failed half-way; it must
  /// succeed when there is nothing to give back. Each gets `deadline`.
  void add(const PhaseId& id, Duration deadline, Action action, Action undo = nullptr);

  /// Runs the phases in order. A failure, a passed deadline or a cancellation ends it; undoing is not cancellable,
  /// only bounded by the deadlines.
  Awaitable<SequenceOutcome> run(OnAbort on_abort);

 private:
  struct Phase {
    const PhaseId* id;
    Duration deadline;
    Action action;
    Action undo;
  };

  Async<void> run_phase(const Phase& phase);
  Awaitable<bool> undo(std::size_t begun);

  std::string description_;
  std::vector<Phase> phases_;
};

}  // namespace snaphammer::sandbox
