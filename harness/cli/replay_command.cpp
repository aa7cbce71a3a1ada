#include <algorithm>

#include <fmt/format.h>

#include "harness/cli/campaign_command.h"
#include "harness/cli/command.h"
#include "harness/cli/earlier_run.h"

namespace snaphammer::cli {
namespace {

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
    SNAP_ASSIGN(const EarlierRun earlier, read_earlier_run(run_));
    std::vector<scenario::RunPlan> plans(times_, earlier.plan);
    for (unsigned i = 0; i < times_; ++i) plans[i].id += fmt::format(".try{}", i + 1);
    SNAP_ASSIGN(const engine::CampaignEnd end, conduct(session, options_, std::move(plans)));
    if (earlier.result) {
      const auto again = std::ranges::count_if(
          end.results.runs, [&](const report::RunResult& run) { return came_back(*earlier.result, run); });
      human_output(session, options_) << fmt::format("{}: came back in {}/{}\n", outcome_of(*earlier.result), again,
                                                     end.results.runs.size());
    }
    return engine::exit_code(end);
  }

 private:
  std::filesystem::path run_;
  unsigned times_ = 1;
  CampaignOptions options_;
};

}  // namespace

CommandPtr make_replay_command() { return std::make_unique<ReplayCommand>(); }

}  // namespace snaphammer::cli
