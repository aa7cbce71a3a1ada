// What `run`, `replay` and `shrink` share: everything from planned runs to the exit code.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/cli/command.h"
#include "harness/engine/campaign.h"
#include "harness/scenario/plan.h"

namespace snaphammer::cli {

/// The options of a command that starts a campaign.
struct CampaignOptions {
  unsigned parallel = 0;  ///< 0: as many as fit this host.
  bool fail_fast = false;
  std::filesystem::path out;  ///< Empty: snaphammer-out/ID.
  std::string reports;        ///< As for report::make_reporters().
  bool quiet = false;
  bool no_color = false;
  std::filesystem::path resume;    ///< The directory of a campaign to continue; empty: a new one.
  nlohmann::json planning = {};    ///< For the journal of a new one.
  std::vector<std::string> notes;  ///< KEY=TEXT each, for the results.
  unsigned retries = 0;
  engine::KnownFailures known = {};

  void declare(CLI::App& app);
  /// Only how many at a time, and where to.
  void declare_runs(CLI::App& app);
};

/// Removes leftovers, and checks that the host can do it, and that the directory is free. Starts nothing.
Result<engine::CampaignSettings> prepare(Session& session, const CampaignOptions& options,
                                         const std::vector<scenario::RunPlan>& plans);

/// Prepares, runs the campaign, shows it, writes the reports. An error means that nothing
/// was started.
Result<engine::CampaignEnd> conduct(Session& session, const CampaignOptions& options,
                                    std::vector<scenario::RunPlan> plans);

/// Where people's output goes: standard output, unless a report has been asked for there.
std::ostream& human_output(Session& session, const CampaignOptions& options);

}  // namespace snaphammer::cli
