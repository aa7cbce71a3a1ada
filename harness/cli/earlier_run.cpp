#include "harness/cli/earlier_run.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "harness/engine/atomic_file.h"
#include "harness/engine/plan_file.h"

namespace snaphammer::cli {
namespace {

namespace fs = std::filesystem;

std::set<std::string> finding_ids(const report::RunResult& run) {
  std::set<std::string> ids;
  for (const report::Finding& finding : run.findings) ids.insert(finding.id);
  return ids;
}

// One id may stand for much, as `unhealthy` does; of several oracles that found it, one may be late another time.
bool found_alike(const report::RunResult& original, const report::RunResult& again, const std::string& id) {
  const auto by_same = [&](const report::Finding& found) {
    return std::ranges::any_of(original.findings, [&](const report::Finding& first) {
      return first.id == id && found.id == id && found.oracle == first.oracle;
    });
  };
  return std::ranges::any_of(again.findings, by_same);
}

// Nothing where there is none.
Result<std::optional<report::RunResult>> read_result(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  SNAP_ASSIGN(const std::string text, engine::read_file(file));
  const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Error(ErrorKind::kInvalid, file.string() + ": not JSON");
  Result<report::RunResult> result = report::run_result_from_json(json);
  if (!result) return result.error().in(file.string());
  return *std::move(result);
}

// Whatever is wrong with what is stored there, it is the caller who has named it.
Error unusable(const Error& error) {
  Error unusable = Error(error).as(ErrorKind::kInvalid);
  if (!unusable.advice().empty()) return unusable;
  return std::move(unusable).advise("of a run that cannot be read nothing is known: run its scenario again");
}

}  // namespace

Result<EarlierRun> read_earlier_run(const fs::path& run) {
  const fs::path artifacts = run.filename() == "plan.json" ? run.parent_path() : run;
  if (!fs::exists(artifacts / "plan.json")) {
    return Error(ErrorKind::kInvalid, "no run is stored in " + artifacts.string())
        .advise("RUN is a directory below runs/ of a campaign's results, with a plan.json in it");
  }
  Result<scenario::RunPlan> plan = engine::read_plan(artifacts / "plan.json");
  if (!plan) return unusable(plan.error());
  auto result = read_result(artifacts / "result.json");
  if (!result) return unusable(result.error());
  return EarlierRun{*std::move(plan), *std::move(result)};
}

bool came_back(const report::RunResult& original, const report::RunResult& again) {
  return again.verdict == original.verdict && std::ranges::all_of(finding_ids(original), [&](const std::string& id) {
           return found_alike(original, again, id);
         });
}

std::string outcome_of(const report::RunResult& run) {
  std::string text(report::name_of(run.verdict));
  for (const std::string& id : finding_ids(run)) text += " " + id;
  return text;
}

}  // namespace snaphammer::cli
