// The table that ends a campaign on a terminal.
//
//   SCENARIO                   POINT             RUNS  AS EXPECTED  VERDICTS  FINDINGS        RESTORE P50    MAX
//   stale-pages-after-remove   on_remove=ignore     3            3  fail 3    stale-page 3         312 ms 401 ms
#pragma once

#include <string>
#include <vector>

#include "harness/report/campaign.h"

namespace snaphammer::report {

/// What a point is called in tables and ids: the last parts of its paths that tell them apart, "on_remove=ignore".
std::string point_label(const std::vector<std::pair<std::string, nlohmann::json>>& point);

/// One line per scenario and point, in the order of the runs. Ends with a newline; no colours. Lines are at most
/// `width` wide: the point's column gives way first.
std::string summary_table(const std::vector<RunResult>& runs, std::size_t width);

/// What stands under it, and says how many of the planned runs it is of:
/// "2 of 5 runs in 31.4 s: 2 as expected, 0 unexpected, 0 inconclusive, 0 error, 0 skipped". Without a newline.
std::string summary_line(const CampaignResult& campaign);

}  // namespace snaphammer::report
