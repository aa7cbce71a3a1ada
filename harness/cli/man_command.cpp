#include "harness/cli/command.h"

namespace snaphammer::cli {
namespace {

class ManCommand : public Command {
 public:
  std::string name() const override { return "man"; }

  void declare(CLI::App& app) override {
    app.description("Print the man page");
    app.footer(
        "\nExamples:\n"
        "  snaphammer man | man -l -\n"
        "  snaphammer man > /usr/local/share/man/man1/snaphammer.1");
  }

  Result<int> run(Session& session) override {
    session.out << man_page(usage_of(session.app, session.commands), SNAPHAMMER_VERSION);
    return kAllAsExpected;
  }
};

}  // namespace

CommandPtr make_man_command() { return std::make_unique<ManCommand>(); }

}  // namespace snaphammer::cli
