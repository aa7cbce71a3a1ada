#include "harness/report/campaign.h"

#include <fmt/format.h>

#include "harness/report/json_fields.h"

namespace snaphammer::report {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {
constexpr int kSchema = 1;
}

Summary summarize(const std::vector<RunResult>& runs) {
  Summary summary;
  for (const RunResult& run : runs) {
    ++summary.total;
    if (run.expected) {
      ++summary.as_expected;
      summary.flaky += run.is_flaky() ? 1 : 0;
      continue;
    }
    if (!run.known.empty()) {
      ++summary.known;
      continue;
    }
    switch (run.verdict) {
      case Verdict::kPass:
      case Verdict::kFail:
        ++summary.unexpected;
        break;
      case Verdict::kInconclusive:
        ++summary.inconclusive;
        break;
      case Verdict::kError:
        ++summary.error;
        break;
      case Verdict::kSkipped:
        ++summary.skipped;
        break;
    }
  }
  return summary;
}

std::string missing_runs(const CampaignResult& campaign) {
  if (campaign.unfinished == 0) return {};
  const std::size_t planned = campaign.runs.size() + campaign.unfinished;
  return fmt::format("{} of {} planned runs {} no result", campaign.unfinished, planned,
                     campaign.unfinished == 1 ? "has" : "have");
}

ordered_json to_json(const CampaignResult& campaign) {
  const Summary summary = summarize(campaign.runs);
  ordered_json runs = ordered_json::array();
  for (const RunResult& run : campaign.runs) runs.push_back(to_json(run));
  ordered_json stored{{"schema", kSchema},
                      {"tool", campaign.tool},
                      {"campaign", campaign.campaign},
                      {"host", campaign.host},
                      {"started", campaign.started},
                      {"seconds", campaign.seconds},
                      {"summary",
                       {{"total", summary.total},
                        {"as_expected", summary.as_expected},
                        {"unexpected", summary.unexpected},
                        {"inconclusive", summary.inconclusive},
                        {"error", summary.error},
                        {"skipped", summary.skipped},
                        {"flaky", summary.flaky},
                        {"known", summary.known},
                        {"unfinished", campaign.unfinished}}},
                      {"runs", std::move(runs)}};
  if (!campaign.notes.empty()) stored["notes"] = campaign.notes;
  return stored;
}

namespace {
// All else in the summary is counted from the runs. Older builds did not say it.
void read_unfinished(JsonReader& read, CampaignResult& campaign) {
  const ordered_json* summary = read.find("summary");
  if (summary == nullptr || !summary->is_object() || !summary->contains("unfinished")) return;
  std::uint64_t unfinished = 0;
  JsonReader inner(*summary, "summary");
  inner("unfinished", unfinished);
  if (!inner.status()) read.fail("'summary' cannot be read: " + inner.status().error().message());
  campaign.unfinished = unfinished;
}

Result<std::map<std::string, std::string>> notes_from_json(const ordered_json& stored) {
  if (!stored.is_object()) return Error(ErrorKind::kInvalid, "results: 'notes' is no object");
  std::map<std::string, std::string> notes;
  for (const auto& [key, text] : stored.items()) {
    if (!text.is_string()) return Error(ErrorKind::kInvalid, fmt::format("results: note '{}' is no text", key));
    notes[key] = text.get<std::string>();
  }
  return notes;
}
}  // namespace

Result<CampaignResult> campaign_result_from_json(const ordered_json& stored) {
  CampaignResult campaign;
  JsonReader read(stored, "results");
  std::uint64_t schema = 0;
  read("schema", schema);
  SNAP_TRY(read.status());
  if (schema != kSchema) {
    return Error(ErrorKind::kInvalid, fmt::format("results: schema {}, this build reads {}", schema, kSchema));
  }
  read("tool", campaign.tool);
  read("campaign", campaign.campaign);
  read("host", campaign.host);
  read("started", campaign.started);
  read("seconds", campaign.seconds);
  read_unfinished(read, campaign);
  const ordered_json* runs = read.find("runs");
  SNAP_TRY(read.status());
  if (stored.contains("notes")) {
    SNAP_ASSIGN(campaign.notes, notes_from_json(stored.at("notes")));
  }
  if (!runs->is_array()) return Error(ErrorKind::kInvalid, "results: 'runs' is no list");
  for (const ordered_json& run : *runs) {
    SNAP_ASSIGN(RunResult result, run_result_from_json(run));
    campaign.runs.push_back(std::move(result));
  }
  return campaign;
}

}  // namespace snaphammer::report
