#include <nlohmann/json.hpp>

#include "harness/cli/command.h"
#include "harness/engine/atomic_file.h"
#include "harness/engine/journal.h"
#include "harness/report/attribution.h"
#include "harness/report/reporter.h"
#include "harness/report/summary_table.h"

namespace snaphammer::cli {
namespace {

class ReportCommand : public Command {
 public:
  std::string name() const override { return "report"; }

  void declare(CLI::App& app) override {
    std::string formats;
    for (const report::ReportFormat& format : report::report_formats()) {
      formats += (formats.empty() ? "" : ", ") + std::string(format.name);
    }
    app.description("Render reports again from a stored campaign");
    app.add_option("DIR", directory_, "The campaign's directory; the campaign may still be running")->required();
    app.add_option("--report", reports_,
                   "FORMAT=FILE,... with FORMAT of " + formats +
                       "; - is standard output. "
                       "Without it: the summary table, and what findings depend on");
    app.footer(
        "\nExamples:\n"
        "  snaphammer report snaphammer-out/20260131-235959-4f1c\n"
        "  snaphammer report out --report markdown=-");
  }

  Result<int> run(Session& session) override {
    SNAP_ASSIGN(const report::CampaignResult campaign, stored_campaign());
    if (reports_.empty()) {
      session.out << report::summary_table(campaign.runs, session.width) << "\n"
                  << report::summary_line(campaign) << "\n";
      const std::string attributed = report::attribution_table(campaign.runs);
      if (!attributed.empty()) session.out << "\n" << attributed;
      return kAllAsExpected;
    }
    SNAP_ASSIGN(const auto reporters, report::make_reporters(reports_));
    for (const auto& reporter : reporters) SNAP_TRY(reporter->campaign_ended(campaign));
    return kAllAsExpected;
  }

 private:
  // From the journal, which a campaign that was killed has too; from results.json alone where just that was kept.
  Result<report::CampaignResult> stored_campaign() const {
    const std::filesystem::path file = directory_ / "results.json";
    if (engine::has_journal(directory_) || !std::filesystem::exists(file)) {
      SNAP_ASSIGN(const engine::JournalContent content, engine::read_journal(directory_));
      return content.results();
    }
    SNAP_ASSIGN(const std::string text, engine::read_file(file));
    const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) return Error(ErrorKind::kInvalid, file.string() + ": not JSON");
    Result<report::CampaignResult> campaign = report::campaign_result_from_json(json);
    if (!campaign) return campaign.error().in(file.string());
    return campaign;
  }

  std::filesystem::path directory_;
  std::string reports_;
};

}  // namespace

CommandPtr make_report_command() { return std::make_unique<ReportCommand>(); }

}  // namespace snaphammer::cli
