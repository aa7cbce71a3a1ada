#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/cli/command.h"
#include "harness/cli/scenario_input.h"
#include "harness/scenario/describe.h"
#include "harness/scenario/diagnostic.h"

namespace snaphammer::cli {
namespace {

constexpr const char* kScenarios = "scenarios";

// Something to be listed, whatever it is.
struct Item {
  std::string name;
  std::string summary;
  nlohmann::json json;
};

std::vector<Item> items_of(const std::vector<scenario::LoadedScenario>& scenarios) {
  std::vector<Item> items;
  for (const scenario::LoadedScenario& loaded : scenarios) {
    const scenario::Scenario& content = loaded.first_point;
    items.push_back({content.name,
                     content.summary,
                     {{"name", content.name},
                      {"summary", content.summary},
                      {"tags", content.tags},
                      {"file", loaded.source->file}}});
  }
  return items;
}

std::vector<Item> items_of(const std::string& kind) {
  std::vector<Item> items;
  for (scenario::Topic& topic : scenario::topics(kind)) {
    items.push_back({std::move(topic.name), std::move(topic.summary), std::move(topic.json)});
  }
  return items;
}

class ListCommand : public Command {
 public:
  std::string name() const override { return "list"; }
  CommandWords words() const override { return {{"KIND", kinds()}}; }

  void declare(CLI::App& app) override {
    app.description(fmt::format("List what there is: {}", fmt::join(kinds(), ", ")));
    app.add_option("KIND", kind_, "What to list")->required();
    app.add_option("PATH", paths_, "For scenarios: files and directories (default: scenarios)");
    app.add_flag("--json", json_, "As JSON, with all that is known");
    app.footer(
        "\nExamples:\n"
        "  snaphammer list steps\n"
        "  snaphammer list scenarios scenarios/smoke\n"
        "  snaphammer list knobs --json");
  }

  Result<int> run(Session& session) override {
    if (kind_ == kScenarios) {
      if (paths_.empty()) paths_ = {"scenarios"};
      const auto scenarios = load_scenarios(session, paths_);
      if (!scenarios) return kInvalidInput;
      print(session, items_of(*scenarios));
      return kAllAsExpected;
    }
    const std::vector<std::string> known = kinds();
    if (std::ranges::find(known, kind_) == known.end()) {
      return Error(ErrorKind::kInvalid, "cannot list '" + kind_ + "'").advise(scenario::advise_names(kind_, known));
    }
    if (!paths_.empty()) return Error(ErrorKind::kInvalid, "only `list scenarios` takes paths");
    print(session, items_of(kind_));
    return kAllAsExpected;
  }

 private:
  static std::vector<std::string> kinds() {
    std::vector<std::string> kinds{kScenarios};
    kinds.insert(kinds.end(), scenario::listable().begin(), scenario::listable().end());
    return kinds;
  }

  void print(Session& session, const std::vector<Item>& items) const {
    if (json_) {
      nlohmann::json all = nlohmann::json::array();
      for (const Item& item : items) all.push_back(item.json);
      session.out << all.dump(2) << "\n";
      return;
    }
    std::size_t width = 0;
    for (const Item& item : items) width = std::max(width, item.name.size());
    for (const Item& item : items) session.out << fmt::format("{:<{}}  {}\n", item.name, width, item.summary);
  }

  std::string kind_;
  std::vector<std::filesystem::path> paths_;
  bool json_ = false;
};

}  // namespace

CommandPtr make_list_command() { return std::make_unique<ListCommand>(); }

}  // namespace snaphammer::cli
