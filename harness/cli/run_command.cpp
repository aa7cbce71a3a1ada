#include "harness/cli/campaign_command.h"
#include "harness/cli/command.h"
#include "harness/cli/scenario_input.h"
#include "harness/engine/selection.h"

namespace snaphammer::cli {
namespace {

class RunCommand : public Command {
 public:
  std::string name() const override { return "run"; }

  void declare(CLI::App& app) override {
    app.description("Run scenarios: every combination of their matrices, with fresh or given seeds");
    app.add_option("PATH", paths_, "Scenario files, or directories to search for *.yaml")->required();
    app.add_option("--filter", filters_,
                   "Only runs that match: part of an id, pattern* of a name, tag:NAME, KEY=VALUE of the matrix; "
                   "commas mean and, ! inverts; given more than once, any of them")
        ->expected(1)
        ->take_all();
    app.add_option("--shard", shard_, "I/N: only every Nth run, from the Ith");
    app.add_option("--seed", seed_, "First seed of every scenario, instead of the scenario's own");
    app.add_option("--repeat", repeat_, "Runs per point, instead of the scenario's own")
        ->check(CLI::Range(1u, 1'000'000u));
    CLI::Option* const fast = app.add_flag("--fail-fast", options_.fail_fast, "Stop after the first unexpected run");
    app.add_flag("--keep-going", keep_going_, "Run all of them, whatever comes (default)")->excludes(fast);
    options_.declare(app);
    app.footer(
        "\nExamples:\n"
        "  snaphammer run scenarios/smoke\n"
        "  snaphammer run scenarios --filter tag:uffd,on_remove=ignore --repeat 20 -j 4\n"
        "  snaphammer run scenarios --shard 2/5 --out results --report junit=results.xml\n"
        "  snaphammer run my.yaml --report json=- | jq .summary\n"
        "\nCtrl-C ends the workers in an orderly way and keeps what has finished; a second one kills them.");
  }

  Result<int> run(Session& session) override {
    std::vector<engine::Filter> filters;
    for (const std::string& expression : filters_) {
      SNAP_ASSIGN(engine::Filter filter, engine::Filter::parse(expression));
      filters.push_back(std::move(filter));
    }
    SNAP_ASSIGN(const engine::Shard shard,
                shard_.empty() ? Result<engine::Shard>(engine::Shard()) : engine::Shard::parse(shard_));
    const auto scenarios = load_scenarios(session, paths_);
    if (!scenarios) return kInvalidInput;
    const scenario::PlanOptions planning{.seed = seed_, .repeat = repeat_, .random_seed = scenario::fresh_seed()};
    auto plans = plan_scenarios(session, *scenarios, planning);
    if (!plans) return kInvalidInput;

    std::vector<scenario::RunPlan> chosen = engine::select(std::move(*plans), filters, shard);
    if (chosen.empty() && shard.count > 1) {
      session.err << "no run falls into shard " << shard_ << "\n";
      return kAllAsExpected;
    }
    if (chosen.empty())
      return Error(ErrorKind::kInvalid, "no run matches the filter").advise("see `snaphammer lint --plan`");
    SNAP_ASSIGN(const engine::CampaignEnd end, conduct(session, options_, std::move(chosen)));
    return engine::exit_code(end);
  }

 private:
  std::vector<std::filesystem::path> paths_;
  std::vector<std::string> filters_;
  std::string shard_;
  std::optional<std::uint64_t> seed_;
  std::optional<unsigned> repeat_;
  bool keep_going_ = false;  // Says what is so anyway; its use is to contradict --fail-fast.
  CampaignOptions options_;
};

}  // namespace

CommandPtr make_run_command() { return std::make_unique<RunCommand>(); }

}  // namespace snaphammer::cli
