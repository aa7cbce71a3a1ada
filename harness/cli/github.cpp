#include "harness/cli/github.h"

#include <fstream>

#include "harness/report/reporter.h"

namespace snaphammer::cli {

Result<void> tell_github(const engine::Environment& environment, const report::CampaignResult& campaign,
                         std::ostream& log) {
  if (environment.get("GITHUB_ACTIONS") == "true") log << report::render_github(campaign) << std::flush;
  const std::string summary = environment.get("GITHUB_STEP_SUMMARY");
  if (summary.empty()) return {};
  std::ofstream stream(summary, std::ios::binary | std::ios::app);  // Other steps' summaries are in it, too.
  stream << report::render_markdown(campaign) << std::flush;
  if (!stream) return errno_error("write the step's summary " + summary);
  return {};
}

}  // namespace snaphammer::cli
