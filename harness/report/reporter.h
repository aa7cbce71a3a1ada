// Reports are listeners: they hear of a campaign as it goes and write what their format needs. Several listen at once.
//
//   std::vector<std::unique_ptr<Reporter>> reporters;
//   SNAP_ASSIGN(reporters, make_reporters("junit=out.xml,markdown=summary.md"));
//   for (auto& r : reporters) r->run_ended(result);
//   for (auto& r : reporters) SNAP_TRY(r->campaign_ended(campaign));
//
// All calls come from one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/campaign.h"

namespace snaphammer::report {

class Reporter {
 public:
  virtual ~Reporter() = default;
  /// Once, before any run. `planned` is the number of runs that are to come.
  virtual void campaign_began(std::size_t planned) { static_cast<void>(planned); }
  /// Once per run, in the order in which they end.
  virtual void run_ended(const RunResult& run) { static_cast<void>(run); }
  /// Once, after the last run, however the campaign ended; runs are in the plan's order. Writes the report.
  virtual Result<void> campaign_ended(const CampaignResult& campaign) = 0;
};

/// A whole report as text, of a finished campaign.
using Render = std::string (*)(const CampaignResult& campaign);

/// What `--report NAME=FILE` writes. A format is one file, registered in one line:
///
///   const FormatRegistration registration{{"tap", "TAP 14, for test harnesses", render_tap}};
struct ReportFormat {
  static constexpr std::string_view kNoun = "report";
  std::string name;
  std::string summary;
  Render render;
};
/// By name.
const std::vector<ReportFormat>& report_formats();

/// Before main(), or at its start.
struct FormatRegistration {
  explicit FormatRegistration(ReportFormat format);
};

/// Reporters from `--report junit=F,tap=F`. A file is written when the campaign ends, to a temporary name first; `-`
/// is standard output. kInvalid: an unknown format, no file, or one that could not be written. `results` is a directory
/// that will have been made by then.
Result<std::vector<std::unique_ptr<Reporter>>> make_reporters(std::string_view spec,
                                                              const std::filesystem::path& results = {});

/// Formats that are also rendered for others than `--report`.
std::string render_github(const CampaignResult& campaign);
std::string render_json(const CampaignResult& campaign);
std::string render_junit(const CampaignResult& campaign);
std::string render_tap(const CampaignResult& campaign);
std::string render_markdown(const CampaignResult& campaign);

}  // namespace snaphammer::report
