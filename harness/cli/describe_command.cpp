#include "harness/cli/command.h"
#include "harness/scenario/describe.h"
#include "harness/scenario/diagnostic.h"

namespace snaphammer::cli {
namespace {

class DescribeCommand : public Command {
 public:
  std::string name() const override { return "describe"; }
  CommandWords words() const override { return {{"NAME", scenario::topic_names()}}; }

  void declare(CLI::App& app) override {
    app.description(
        "Print all that is known of a step, knob, workload, fault, oracle, finding, phase, measure or report");
    app.add_option("NAME", name_, "What to describe")->required();
    app.footer(
        "\nExamples:\n"
        "  snaphammer describe restore\n"
        "  snaphammer describe uffd.on_remove");
  }

  Result<int> run(Session& session) override {
    const std::vector<scenario::Topic> topics = scenario::find_topics(name_);
    if (topics.empty()) {
      const std::string nearest(scenario::nearest_name(name_, scenario::topic_names()));
      return Error(ErrorKind::kInvalid, "nothing is called '" + name_ + "'")
          .advise(nearest.empty() ? "see `snaphammer list --help`" : "did you mean '" + nearest + "'?");
    }
    for (const scenario::Topic& topic : topics) session.out << topic.text << "\n";
    return kAllAsExpected;
  }

 private:
  std::string name_;
};

}  // namespace

CommandPtr make_describe_command() { return std::make_unique<DescribeCommand>(); }

}  // namespace snaphammer::cli
