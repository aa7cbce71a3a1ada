#include <nlohmann/json.hpp>

#include "harness/cli/command.h"
#include "harness/report/campaign.h"
#include "harness/scenario/schema.h"

namespace snaphammer::cli {
namespace {

class SchemaCommand : public Command {
 public:
  std::string name() const override { return "schema"; }

  void declare(CLI::App& app) override {
    app.description("Print the JSON Schema of scenario files, for editors");
    app.add_flag("--results", results_, "Print the schema of results.json instead");
    app.footer(
        "\nExample:\n"
        "  snaphammer schema > snaphammer.schema.json\n"
        "  # first line of a scenario, for editors with the YAML language server:\n"
        "  # yaml-language-server: $schema=snaphammer.schema.json");
  }

  Result<int> run(Session& session) override {
    session.out << (results_ ? report::results_schema() : scenario::scenario_schema()).dump(2) << "\n";
    return kAllAsExpected;
  }

 private:
  bool results_ = false;
};

}  // namespace

CommandPtr make_schema_command() { return std::make_unique<SchemaCommand>(); }

}  // namespace snaphammer::cli
