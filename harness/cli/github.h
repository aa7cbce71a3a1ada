// What a campaign does by itself in a job of GitHub Actions: annotations in the job's log, and the Markdown summary on the
// job's page. Anywhere else, nothing.
#pragma once

#include <ostream>

#include "harness/engine/environment.h"
#include "harness/report/campaign.h"

namespace snaphammer::cli {

/// Writes annotations to `log` when GITHUB_ACTIONS is "true", and appends the summary to the file that
/// GITHUB_STEP_SUMMARY names.
Result<void> tell_github(const engine::Environment& environment, const report::CampaignResult& campaign,
                         std::ostream& log);

}  // namespace snaphammer::cli
