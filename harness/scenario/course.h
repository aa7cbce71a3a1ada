// Course: follows the steps of a scenario before anything runs, to find what cannot work in any run: a check after
// `destroy`, a `resume` of a guest that runs, a freeze in a phase that is over. What may go wrong is for the run.
//
//   check_course(reader, scenario);         // records an error at each step that is out of place
//
// A step says what it needs and what it leaves behind in a function beside its execute():
//
//   void follow(const Pause&, Course& course) {
//     course.needs({Guest::kRunning});
//     course.becomes(Guest::kPaused);
//   }
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/scenario/reader.h"
#include "harness/scenario/step.h"

namespace snaphammer::scenario {

struct Scenario;

enum class Guest {
  kNone,
  kRunning,  ///< Perhaps still on its way up.
  kPaused,
};

class Course {
 public:
  /// `may_fail`: the scenario is to be cut short, by an error or a refusal, so that its steps need not work.
  Course(Reader& reader, const Scenario& scenario, bool may_fail)
      : reader_(reader), scenario_(scenario), may_fail_(may_fail), certain_(!may_fail) {}

  void follow(const StepList& steps);
  /// Once all steps were followed: what can only be judged then.
  void end();
  /// By the steps followed; nothing: any number.
  std::optional<std::uint64_t> most_clones() const { return clones_; }

  // For steps. Errors are at the present step, or where they say.

  /// An error unless the guest may be one of these.
  void needs(std::initializer_list<Guest> any_of);
  /// needs(), of a step that waits for the end of the restore.
  void needs_healthy();
  void becomes(Guest guest);
  /// If it stands still, it runs again.
  void goes_on();
  /// An error unless the guest has more memory than this.
  void needs_memory_above(ByteCount bytes);
  /// An error where the step, or the run, is always ended before that.
  void needs_time(Duration time);
  /// Another guest, without workloads; its restore, if it is one, is over.
  void begins_anew(Guest guest);

  void starts(const std::string& as, const std::string& program);
  void stops(const std::string& as);
  void stops_all();
  void needs_workload(const std::string& as);
  /// Any of them may have ended.
  void may_end_workloads() { now_.workloads.sure.clear(); }
  /// Whether some workload is there for sure.
  bool has_workloads() const { return !now_.workloads.sure.empty(); }

  void takes(const std::string& snapshot);
  /// The guest and workloads of that snapshot, while the restore sequence goes on.
  void brings_back(const std::string& snapshot, Guest guest);
  void needs_any_snapshot();
  void needs_snapshot(const std::string& snapshot);

  /// The restore sequence is over.
  void is_healthy() { now_.restoring = false; }
  /// Some sequence has to come to `point`, one that is under way, or that a later step begins; there the guest is stopped.
  void awaits(const std::string& point, Position where);
  /// `in` is a workload, or "kernel". Judged where symbols are known: see ReadOptions.
  void needs_symbol(const std::string& symbol, const std::string& in, Position where);

  void makes_clones(unsigned count);
  /// The number of a clone, from 1, that some step makes.
  void needs_clone(unsigned number);

  /// `times`: nothing when it depends on time.
  void repeats(const StepList& steps, std::optional<unsigned> times);
  /// While they run side by side, and after it, nothing is certain.
  void runs_together(const std::vector<StepList>& branches);

 private:
  /// Of the workloads of a guest.
  struct Workloads {
    std::set<std::string> sure;      ///< There whatever happened.
    std::set<std::string> possible;  ///< Others cannot be there,
    bool any = false;                ///< unless this is set.
    bool operator==(const Workloads&) const = default;
  };
  struct Moment {
    std::set<Guest> guest = {Guest::kNone};
    std::string because;  ///< What made it so: "`destroy` (line 7)".
    Workloads workloads;
    bool restoring = false;  ///< The restore sequence may be under way.
    bool may_stop = false;   ///< A stop in a sequence may come, or may have come.
    std::map<std::string, Workloads> snapshots;
    bool operator==(const Moment&) const = default;
  };

  void follow(const Step& step);
  /// The present step begins a sequence of this name, "restore" or "pause".
  void comes_through(std::string_view sequence);
  /// Errors at limits that no step so far takes a sample for.
  void check_limits_measured();
  /// The present step cannot work, because of `why`; nothing unless it is certain to be carried out.
  void fail(const std::string& why, std::string advice);
  std::string present_step() const;
  /// Nothing is known of the guest any more.
  void lose_track();
  static Moment joined(Moment one, const Moment& other);

  Reader& reader_;
  const Scenario& scenario_;
  Moment now_;
  const bool may_fail_;
  bool certain_;               ///< The present step is carried out in every run that comes so far.
  bool side_by_side_ = false;  ///< Other steps run beside the present one.
  std::string round_;          ///< "in the second round ", while that is followed.
  int loops_ = 0;              ///< Around the present step.
  const Step* step_ = nullptr;
  std::set<std::string, std::less<>> kinds_;               ///< Names of the steps so far.
  std::map<std::string, std::set<std::string>> programs_;  ///< Of workloads, by `as`.
  std::optional<std::uint64_t> clones_ = 0;                ///< At most; nothing: any number.
  struct Awaited {
    std::string point;
    Position where;
  };
  std::optional<Awaited> awaited_;              ///< No step so far can come there.
  std::map<unsigned, Position> clones_needed_;  ///< By their number.
};

/// How many clones a run of `scenario` makes; nothing: any number, as rounds of a loop depend on time.
std::optional<std::uint64_t> most_clones(const Scenario& scenario);

/// Records an error at each step of `scenario` that cannot work in any run. One that is expected to be cut short is
/// left alone.
void check_course(Reader& reader, const Scenario& scenario);

}  // namespace snaphammer::scenario
