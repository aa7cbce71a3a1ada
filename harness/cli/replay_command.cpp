#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/cli/campaign_command.h"
#include "harness/cli/command.h"
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

// Real machines are not deterministic: what comes back is the outcome, not each event.
bool came_back(const report::RunResult& original, const report::RunResult& again) {
  return again.verdict == original.verdict && std::ranges::includes(finding_ids(again), finding_ids(original));
}

std::string outcome_of(const report::RunResult& run) {
  std::string text(report::name_of(run.verdict));
  for (const std::string& id : finding_ids(run)) text += " " + id;
  return text;
}

class ReplayCommand : public Command {
 public:
  std::string name() const override { return "replay"; }

  void declare(CLI::App& app) override {
    app.description("Run one run of an earlier campaign again: the same plan, the same seed");
    app.add_option("RUN", run_, "The run's artifacts: DIR/runs/ID, or the plan.json in it")->required();
    app.add_option("--times", times_, "How often")->check(CLI::Range(1u, 1'000'000u))->capture_default_str();
    options_.declare(app);
    app.footer(
        "\nReal machines are not deterministic. The last line says in how many of the tries the outcome came back.\n"
        "\nExample:\n"
        "  snaphammer replay snaphammer-out/20260131-235959-4f1c/runs/stale-pages.on_remove=ignore.s1 --times 10");
  }

  Result<int> run(Session& session) override {
    const fs::path artifacts = fs::is_directory(run_) ? run_ : run_.parent_path();
    if (!fs::exists(artifacts / "plan.json")) {
      return Error(ErrorKind::kInvalid, (artifacts / "plan.json").string() + ": no such file")
          .advise("RUN is a directory below runs/ of a campaign's results");
    }
    SNAP_ASSIGN(const scenario::RunPlan plan, engine::read_plan(artifacts / "plan.json"));
    const Result<report::RunResult> original = read_original(artifacts);

    std::vector<scenario::RunPlan> plans(times_, plan);
    for (unsigned i = 0; i < times_; ++i) plans[i].id += fmt::format(".try{}", i + 1);
    SNAP_ASSIGN(const engine::CampaignEnd end, conduct(session, options_, std::move(plans)));
    if (original) {
      const auto again = std::ranges::count_if(end.results.runs,
                                               [&](const report::RunResult& run) { return came_back(*original, run); });
      human_output(session, options_) << fmt::format("{}: came back in {}/{}\n", outcome_of(*original), again,
                                                     end.results.runs.size());
    }
    return engine::exit_code(end);
  }

 private:
  // A worker that crashed has left none; then there is nothing to compare with.
  static Result<report::RunResult> read_original(const fs::path& artifacts) {
    SNAP_ASSIGN(const std::string text, engine::read_file(artifacts / "result.json"));
    const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) return Error(ErrorKind::kCorrupt, "result.json is not JSON");
    return report::run_result_from_json(json);
  }

  fs::path run_;
  unsigned times_ = 1;
  CampaignOptions options_;
};

}  // namespace

CommandPtr make_replay_command() { return std::make_unique<ReplayCommand>(); }

}  // namespace snaphammer::cli
