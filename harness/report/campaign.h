// A whole campaign's results: what results.json holds (schema 1), and the counts that its reports begin with.
//
//   CampaignResult campaign{.tool = {...}, .campaign = "...", ...};
//   campaign.runs.push_back(result);
//   write(directory / "results.json", to_json(campaign).dump(2));
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/report/results.h"

namespace snaphammer::report {

struct CampaignResult {
  nlohmann::json tool = nlohmann::json::object();  ///< {"name": ..., "version": ...}
  std::string campaign;                            ///< Its id.
  nlohmann::json host = nlohmann::json::object();  ///< Kernel, CPUs, memory, QEMU.
  std::string started;                             ///< RFC 3339, UTC: "2026-01-31T23:59:59Z".
  double seconds = 0;
  std::size_t unfinished = 0;                ///< Planned runs without a result: stopped, not begun, or still under way.
  std::map<std::string, std::string> notes;  ///< What `run --note` said of it.
  std::vector<RunResult> runs;
};

/// Every run is counted once, except that a flaky one is also counted by its verdict.
struct Summary {
  std::size_t total = 0;
  std::size_t as_expected = 0;
  std::size_t unexpected = 0;    ///< Ended with pass or fail, but not as expected.
  std::size_t inconclusive = 0;  ///< These three: when that was not what was expected.
  std::size_t error = 0;
  std::size_t skipped = 0;
  std::size_t flaky = 0;
  std::size_t known = 0;  ///< Known failures.
  bool operator==(const Summary&) const = default;
};
Summary summarize(const std::vector<RunResult>& runs);

/// "3 of 5 planned runs have no result", or nothing: what each report says of a campaign that was stopped, or still
/// goes on, so that nobody takes it for a whole one.
std::string missing_runs(const CampaignResult& campaign);

nlohmann::ordered_json to_json(const CampaignResult& campaign);
/// The inverse, for `report` and `replay`. Checks names and types.
Result<CampaignResult> campaign_result_from_json(const nlohmann::ordered_json& json);

/// The JSON Schema (draft 2020-12) of results.json.
nlohmann::json results_schema();

}  // namespace snaphammer::report
