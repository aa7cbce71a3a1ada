// How far a campaign is: what each worker is at, how long that has taken, what it has found; how much is done, and how
// long the rest will take.
//
//   Progress progress({.total = plans.size(), .parallel = 2, .expected = all_of_them}, SteadyClock::now());
//   progress.began(slot, plan, SteadyClock::now());
//   for (const std::string& line : progress.lines({80, 24}, SteadyClock::now())) ...
//
// The rest is estimated from what the steps of a run are expected to take (scenario::expected_time), times what the runs
// that have ended took of that. One thread at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/cli/terminal.h"
#include "harness/report/results.h"
#include "harness/scenario/plan.h"
#include "lib/base/async.h"

namespace snaphammer::cli {

/// In words that a person would use: "40 s", "12 min", "2 h 5 min".
std::string rough_time(Duration duration);

struct ProgressOptions {
  std::size_t total = 0;  ///< Runs of the campaign.
  std::size_t done = 0;   ///< Of them, before a resume.
  unsigned parallel = 1;  ///< Runs at a time.
  Duration expected{};    ///< Of the runs that are still to do, one after the other.
};

class Progress {
 public:
  Progress(const ProgressOptions& options, TimePoint now) : options_(options), began_(now) {}

  void began(unsigned slot, const scenario::RunPlan& plan, TimePoint now);
  void phase(unsigned slot, std::string_view phase);
  void found(unsigned slot, std::string_view finding);
  void ended(unsigned slot, const report::RunResult& result);

  /// How long it will still take, at `now`.
  Duration left(TimePoint now) const;

  /// One line per worker and one for all of them. Each is shorter than the terminal is wide, and together they are fewer
  /// than its rows: of more workers the last ones are only counted.
  std::vector<std::string> lines(TerminalSize size, TimePoint now) const;

 private:
  struct Worker {
    std::string run;
    std::string phase;
    std::string findings;
    TimePoint began;
    Duration expected{};
  };

  std::string line_of(const Worker& worker, std::size_t width, TimePoint now) const;
  std::string total_line(TimePoint now) const;

  ProgressOptions options_;
  TimePoint began_;
  std::map<unsigned, Worker> workers_;
  std::size_t ended_ = 0, unexpected_ = 0;
  Duration begun_expected_{};  ///< Of all runs that have begun.
  Duration ended_expected_{};  ///< Of those that have ended,
  Duration ended_took_{};      ///< and what they took.
};

}  // namespace snaphammer::cli
