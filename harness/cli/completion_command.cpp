#include <algorithm>

#include "harness/cli/command.h"
#include "harness/scenario/diagnostic.h"

namespace snaphammer::cli {
namespace {

class CompletionCommand : public Command {
 public:
  std::string name() const override { return "completion"; }
  CommandWords words() const override { return {{"SHELL", completion_shells()}}; }

  void declare(CLI::App& app) override {
    app.description("Print what makes a shell complete commands, options and names");
    app.add_option("SHELL", shell_, "bash, zsh or fish")->required();
    app.footer(
        "\nExamples:\n"
        "  . <(snaphammer completion bash)                                    # for this shell\n"
        "  snaphammer completion zsh > \"${fpath[1]}/_snaphammer\"\n"
        "  snaphammer completion fish > ~/.config/fish/completions/snaphammer.fish");
  }

  Result<int> run(Session& session) override {
    const std::string script = completion_script(usage_of(session.app, session.commands), shell_);
    if (script.empty()) {
      return Error(ErrorKind::kInvalid, "there is no completion for '" + shell_ + "'")
          .advise(scenario::advise_names(shell_, completion_shells()));
    }
    session.out << script;
    return kAllAsExpected;
  }

 private:
  std::string shell_;
};

}  // namespace

CommandPtr make_completion_command() { return std::make_unique<CompletionCommand>(); }

}  // namespace snaphammer::cli
