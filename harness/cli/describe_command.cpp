#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/cli/command.h"
#include "harness/cli/scenario_input.h"
#include "harness/scenario/describe.h"
#include "harness/scenario/diagnostic.h"

namespace snaphammer::cli {
namespace {

// A scenario's text says the rest, the comment before it what it is for.
std::string description_of(const scenario::LoadedScenario& loaded) {
  const scenario::Scenario& content = loaded.first_point;
  std::string text = fmt::format("{} (scenario)\n{}\n\nFile: {}\n", content.name, content.summary, loaded.source->file);
  if (!content.tags.empty()) text += fmt::format("Tags: {}\n", fmt::join(content.tags, ", "));
  const std::size_t runs = scenario::plan(loaded, {}).runs.size();
  return text + fmt::format("Runs: {}\n\n{}", runs, loaded.source->text);
}

class DescribeCommand : public Command {
 public:
  std::string name() const override { return "describe"; }
  CommandWords words() const override { return {{"NAME", scenario::topic_names()}}; }

  void declare(CLI::App& app) override {
    app.description(
        "Print all that is known of a scenario, step, knob, workload, fault, oracle, finding, phase, measure or "
        "report");
    app.add_option("NAME", name_, "What to describe; for scenarios also a file")->required();
    app.add_option("PATH", paths_, "For scenarios: files and directories (default: scenarios)");
    app.footer(
        "\nExamples:\n"
        "  snaphammer describe restore\n"
        "  snaphammer describe uffd.on_remove\n"
        "  snaphammer describe restore-healthy scenarios/smoke\n"
        "  snaphammer describe scenarios/smoke/restore-healthy.yaml");
  }

  Result<int> run(Session& session) override {
    if (paths_.empty()) {
      const std::vector<scenario::Topic> topics = scenario::find_topics(name_);
      for (const scenario::Topic& topic : topics) session.out << topic.text << "\n";
      if (!topics.empty()) return kAllAsExpected;
      if (std::filesystem::is_regular_file(name_)) return describe_file(session);
    }
    return describe_scenario(session);
  }

 private:
  // Each that the file has.
  Result<int> describe_file(Session& session) const {
    const auto loaded = load_scenarios(session, {name_});
    if (!loaded) return kInvalidInput;
    for (const scenario::LoadedScenario& one : *loaded) session.out << description_of(one);
    return kAllAsExpected;
  }

  Result<int> describe_scenario(Session& session) {
    std::vector<scenario::LoadedScenario> scenarios;
    if (paths_.empty() && std::filesystem::is_directory(kScenarios)) paths_ = {kScenarios};
    if (!paths_.empty()) {
      auto loaded = load_scenarios(session, paths_);
      if (!loaded) return kInvalidInput;
      scenarios = *std::move(loaded);
    }
    std::vector<std::string> names = scenario::topic_names();
    for (const scenario::LoadedScenario& loaded : scenarios) {
      names.push_back(loaded.first_point.name);
      if (names.back() != name_) continue;
      session.out << description_of(loaded);
      return kAllAsExpected;
    }
    const std::string nearest(scenario::nearest_name(name_, names));
    return Error(ErrorKind::kInvalid, "nothing is called '" + name_ + "'")
        .advise(nearest.empty() ? "see `snaphammer list --help` for the kinds of names that there are"
                                : "did you mean '" + nearest + "'?");
  }

  static constexpr const char* kScenarios = "scenarios";

  std::string name_;
  std::vector<std::filesystem::path> paths_;
};

}  // namespace

CommandPtr make_describe_command() { return std::make_unique<DescribeCommand>(); }

}  // namespace snaphammer::cli
