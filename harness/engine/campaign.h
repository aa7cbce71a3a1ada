// A campaign: many runs, some at a time, each in a worker process of its own.
//
//   CampaignSettings settings{.id = new_campaign_id(), .directory = "/.../out", .runtime_base = base, ...};
//   SNAP_ASSIGN(const CampaignEnd end, run_campaign(std::move(plans), settings, listener));
//   return exit_code(end);
//
// A run that has finished is in DIRECTORY's journal (journal.h) before anybody hears of it; `resume` continues from there
// a campaign that was stopped or killed. results.json is made from it at the end, and every few seconds;
// DIRECTORY/runs/ID/ has a run's artifacts. The first SIGINT, SIGTERM or SIGHUP stops gently, the second at once; either
// way what has finished is kept.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/engine/caches.h"
#include "harness/engine/installation.h"
#include "harness/engine/known_failures.h"
#include "harness/engine/worker_process.h"
#include "harness/report/campaign.h"
#include "harness/scenario/plan.h"
#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::engine {

struct CampaignSettings {
  std::string id;
  std::string version;              ///< Of Snaphammer, for the results.
  std::filesystem::path directory;  ///< For results; made when missing, must not hold results yet.
  bool resume = false;              ///< The directory holds this very campaign: run what its journal lacks.
  nlohmann::json planning = {};     ///< These three are kept in the journal of a new campaign.
  nlohmann::json host = nlohmann::json::object();  ///< As doctor::facts_of().
  std::map<std::string, std::string> notes = {};   ///< As CampaignResult::notes.
  std::filesystem::path runtime_base;              ///< See runtime_base().
  Caches caches;
  Installation installation;
  unsigned parallel = 1;                 ///< Runs at a time,
  std::optional<ByteCount> memory = {};  ///< as far as this holds what they may take; nothing: no bound.
  bool fail_fast = false;                ///< Start nothing more after the first run that was not as expected.
  unsigned retries = 0;  ///< How often a run is tried again that is neither as expected nor a known failure.
  KnownFailures known = {};
  WorkerOptions worker;
};

/// Hears of everything as it happens, on the campaign's thread. Slots count from 0 to `parallel` - 1.
class CampaignListener {
 public:
  virtual ~CampaignListener() = default;
  virtual void run_began(unsigned slot, const scenario::RunPlan& plan) = 0;
  virtual void run_phase(unsigned slot, std::string_view phase) = 0;
  /// The first finding of its id; of what comes later only the result tells.
  virtual void run_found(unsigned slot, std::string_view finding) = 0;
  virtual void run_ended(unsigned slot, const report::RunResult& result) = 0;
  /// Called again when a gentle stop becomes one at once.
  virtual void stopping(bool at_once) = 0;
  /// Comes while runs are under way, for whoever shows how the time goes by.
  virtual void second_passed() = 0;
};

struct CampaignEnd {
  report::CampaignResult results;  ///< In the order of the plan; of the runs that finished, now or before a resume.
  bool interrupted = false;
  std::vector<std::string> own_errors;  ///< What the campaign itself did wrong or could not do.
  std::vector<std::string> outdated;    ///< Known failures that have had their day: KnownFailures::outdated().
};

/// Date, time and some random digits: "20260131-235959-4f1c".
std::string new_campaign_id();

/// kInvalid when `directory` has results of a campaign.
Result<void> expect_no_results(const std::filesystem::path& directory);

/// Runs them all. Blocks; call it from the main thread, which becomes the reaper of everything that workers leave.
/// An error means that the campaign could not begin. A resumed one is refused when `plans` are not its own.
Result<CampaignEnd> run_campaign(std::vector<scenario::RunPlan> plans, const CampaignSettings& settings,
                                 CampaignListener& listener);

/// The contract's exit code: 130 interrupted; 4 the harness failed; 1 some run was not as expected; 3 some run was
/// inconclusive, or every one was skipped; else 0.
int exit_code(const CampaignEnd& end);

}  // namespace snaphammer::engine
