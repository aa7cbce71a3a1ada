#include <algorithm>

#include <fmt/format.h>

#include "harness/cli/command.h"
#include "harness/cli/progress.h"
#include "harness/cli/scenario_input.h"

namespace snaphammer::cli {
namespace {

class LintCommand : public Command {
 public:
  std::string name() const override { return "lint"; }

  void declare(CLI::App& app) override {
    app.description("Check scenario files and start nothing");
    app.add_option("PATH", paths_, "Scenario files, or directories to search for *.yaml")->required();
    app.add_flag("--plan", plan_, "Print the runs that a campaign would make of them, and about how long each takes");
    app.footer(
        "\nExamples:\n"
        "  snaphammer lint scenarios\n"
        "  snaphammer lint --plan my.yaml");
  }

  Result<int> run(Session& session) override {
    const auto scenarios = load_scenarios(session, paths_);
    if (!scenarios) return kInvalidInput;
    const auto plans = plan_scenarios(session, *scenarios, {.seed = {}, .repeat = {}});
    if (!plans) return kInvalidInput;
    std::size_t width = 0;
    for (const scenario::RunPlan& plan : *plans) width = std::max(width, plan.id.size());
    Duration all{};
    for (const scenario::RunPlan& plan : *plans) {
      const Duration expected = expected_time(plan);
      all += expected;
      if (plan_) session.out << fmt::format("{:<{}}  {}\n", plan.id, width, rough_time(expected));
    }
    session.err << fmt::format("valid: {} scenario{}, {} run{}, about {} one after the other\n", scenarios->size(),
                               scenarios->size() == 1 ? "" : "s", plans->size(), plans->size() == 1 ? "" : "s",
                               rough_time(all));
    return kAllAsExpected;
  }

 private:
  std::vector<std::filesystem::path> paths_;
  bool plan_ = false;
};

}  // namespace

CommandPtr make_lint_command() { return std::make_unique<LintCommand>(); }

}  // namespace snaphammer::cli
