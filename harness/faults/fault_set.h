// FaultSet: the faults of one run: those that act, those that wait for a phase, and what all of them did.
//
//   FaultSet faults(executor, run);
//   CO_SNAP_TRY(co_await faults.inject({.fault = "vmm.stop", .as = "pause", .duration = 2s}));
//   CO_SNAP_TRY(co_await faults.reached("restore.load:before"));      // from the sequences' observer
//   CO_SNAP_TRY(co_await faults.heal("pause"));
//   co_await faults.end();                                            // always, before the run's guest is ended
//
// One io_context thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/faults/fault.h"
#include "harness/report/results.h"
#include "lib/base/task_group.h"

namespace snaphammer::faults {

/// The point that a scenario means by a phase's name: "pause.freeze" is the one before it.
std::string point_named(const std::string& phase);

struct Injection {
  std::string fault;                      ///< A name of the catalogue.
  std::string as = {};                    ///< What heal() calls it; may be empty.
  std::optional<Duration> duration = {};  ///< Healed by itself after this time; nothing: until heal() or the end.
  nlohmann::json args = {};
  struct AtPhase {
    std::string point;        ///< PhaseId::before() or after().
    std::uint64_t after = 0;  ///< How many times it is passed first.
  };
  std::optional<AtPhase> when = {};  ///< Acts there; nothing: at once.
};

class FaultSet {
 public:
  FaultSet(const asio::any_io_executor& executor, engine::RunContext& run);

  Async<void> inject(Injection injection);
  /// Undoes the fault of that name, or "all"; one whose point has not come yet will not act there. One that is healed
  /// already is no error.
  Async<void> heal(std::string as);
  /// A sequence has come to `point`: an error aborts it there.
  Async<void> reached(std::string point);
  /// Whether a fault begins at its point right now, and a sequence stands there.
  bool is_at_point() const { return at_point_; }
  /// Undoes whatever still acts, and returns when nothing is under way.
  Awaitable<void> end();

  /// What each has done, in the order of their injection; times count from `start`.
  std::vector<report::FaultReport> reports(TimePoint start) const;
  /// Whether one has begun and is not healed.
  bool acting() const;
  /// "fault NAME was injected and never acted: WHY" of the first that has not; nothing when all have.
  std::optional<std::string> idle() const;

 private:
  struct Entry {
    Injection injection;
    std::unique_ptr<Fault> fault;
    Event healed;
    bool begun = false;
    std::optional<std::string> refused = {};  ///< Why it could not begin.
    std::uint64_t passed = 0;                 ///< How often the point of `when` was come to.
    bool acting() const { return begun && !healed.is_set(); }
    bool waiting() const { return !begun && !healed.is_set(); }
  };

  Async<void> begin(Entry& entry);
  Async<void> heal_entry(Entry& entry);
  Awaitable<void> heal_later(Entry& entry, Duration after);

  asio::any_io_executor executor_;
  engine::RunContext& run_;
  std::vector<std::unique_ptr<Entry>> entries_;  // Entries stay until the end: coroutines refer to them.
  bool at_point_ = false;
  TaskGroup tasks_;
};

}  // namespace snaphammer::faults
