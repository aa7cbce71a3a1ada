// What a campaign says of a catalogue of defects: whether each was found, and whether its control was clean.
//
//   for (const DetectionRow& row : detection_rows(campaign.runs)) {
//     const Tally found = row.found();          // 9 of 10 runs
//     ok &= row.is_as_expected();
//   }
//
// What a scenario expects tells the two apart: points at which it expects a fail have the defect, those at which it
// expects a pass are controls. A row's id is the beginning of its scenarios' names: `r4-exec-in-flight` and
// `r4-request-doubled` are row R4, `m3-m4-eagain` is row "M3, M4"; a name that begins otherwise is a row by itself.
// Pure functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/report/results.h"

namespace snaphammer::report {

struct Tally {
  std::size_t good = 0;
  std::size_t runs = 0;
  bool operator==(const Tally&) const = default;
};

/// When all the findings that a run was to have had been seen.
struct DetectionTime {
  double since_start_ms = 0;             ///< From the run's start.
  std::optional<double> since_fault_ms;  ///< From the first act of its faults; nothing when none had acted by then.
};

/// All runs of one scenario at one point. Skipped ones are not among `tally`.
struct DetectionPoint {
  std::string scenario;
  std::string point;  ///< point_label()
  bool has_defect = false;
  std::vector<std::string> findings = {};  ///< That are expected; of a defect without any, every finding will do.
  Tally tally = {};                        ///< Runs that were as expected at once, without being tried again.
  std::size_t skipped = 0;
  std::vector<DetectionTime> times = {};              ///< Of those with the defect.
  std::map<std::string, std::size_t> otherwise = {};  ///< How the others ended: "pass", "fail (hang)"; and how many.
};

struct DetectionRow {
  std::string id;
  std::vector<DetectionPoint> points;  ///< In the order of the runs.

  Tally found() const;
  Tally clean() const;
  /// The findings that its defects are to be found by, sorted.
  std::vector<std::string> findings() const;
  /// The median over all its runs, since the fault where every one of them has that; nothing found: nothing.
  std::optional<double> median_ms(bool& since_fault) const;
  /// At least 9 of 10 runs with the defect were found, all controls were clean, and something has run.
  bool is_as_expected() const;
};

/// By id, numbers as such: M2 before M10. Runs that do not say what was expected of them are left out.
std::vector<DetectionRow> detection_rows(const std::vector<RunResult>& runs);

}  // namespace snaphammer::report
