// The table that ends a campaign on a terminal.
//
//   SCENARIO                   POINT             RUNS  AS EXPECTED  VERDICTS  FINDINGS        RESTORE P50    MAX
//   stale-pages-after-remove   on_remove=ignore     3            3  fail 3    stale-page 3         312 ms 401 ms
#pragma once

#include <string>
#include <vector>

#include "harness/report/results.h"

namespace snaphammer::report {

/// What a point is called in tables and ids: the last parts of its paths that tell them apart, "on_remove=ignore".
std::string point_label(const std::vector<std::pair<std::string, nlohmann::json>>& point);

/// One line per scenario and point, in the order of the runs. Ends with a newline; no colours. Lines are at most
/// `width` wide: the point's column gives way first.
std::string summary_table(const std::vector<RunResult>& runs, std::size_t width);

}  // namespace snaphammer::report
