// A command of the command line: its name, its help, its options and what it does. One command is one file,
// registered in one line of all_commands().
//
//   class ListCommand : public Command {
//    public:
//     std::string name() const override { return "list"; }
//     void declare(CLI::App& app) override { app.description("..."); app.add_option("KIND", kind_, "...")->required(); }
//     Result<int> run(Session& session) override { session.out << ...; return kAllAsExpected; }
//    private:
//     std::string kind_;
//   };
#pragma once

#include <cstddef>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "harness/cli/usage.h"
#include "harness/doctor/check.h"
#include "harness/engine/environment.h"
#include "harness/engine/execute_run.h"
#include "lib/base/result.h"

namespace snaphammer::cli {

/// The exit codes, which are part of the public contract.
enum ExitCode : int {
  kAllAsExpected = 0,
  kUnexpected = 1,     ///< Some run was not as expected.
  kInvalidInput = 2,   ///< Usage, or an invalid scenario.
  kUnfitHost = 3,      ///< Inconclusive, or an unfit environment.
  kHarnessFailed = 4,  ///< The harness itself failed.
  kInterrupted = 130,
};
int exit_code_of(const Error& error);

/// What the program is made of beyond this library: main() and the tests differ here.
struct Parts {
  engine::ExecuteRun execute;
  doctor::Host (*look_at_host)(engine::Installation, engine::Caches, std::filesystem::path runtime,
                               std::filesystem::path out);
};

/// One invocation of the program.
struct Session {
  const Parts& parts;
  const CLI::App& app;  ///< The command line, and the commands it was declared from.
  const std::vector<std::unique_ptr<Command>>& commands;
  engine::Environment environment;
  std::ostream& out;  ///< What was asked for.
  std::ostream& err;  ///< Everything else.
  bool out_is_terminal = false;
  /// Columns of that terminal; a file has as many as a line takes.
  std::size_t width = std::numeric_limits<std::size_t>::max();

  /// Colours belong on a terminal whose user did not ask for none (NO_COLOR).
  bool wants_color() const { return out_is_terminal && environment.get("NO_COLOR").empty(); }
};

/// Words that can be given, by an option's long name ("--report") or a positional argument's ("KIND").
using CommandWords = std::map<std::string, std::vector<std::string>>;

class Command {
 public:
  virtual ~Command() = default;
  virtual std::string name() const = 0;
  /// Whether `snaphammer --help` leaves it out: for what Snaphammer itself starts.
  virtual bool is_internal() const { return false; }
  /// Describes itself and its options.
  virtual void declare(CLI::App& app) = 0;
  /// What can be given where, for shells to complete; files and directories are told by their names: FILE, PATH, DIR, RUN.
  virtual CommandWords words() const { return {}; }
  /// Does it; returns the exit code. An error's exit code follows from its kind.
  virtual Result<int> run(Session& session) = 0;
};

using CommandPtr = std::unique_ptr<Command>;

CommandPtr make_run_command();
CommandPtr make_replay_command();
CommandPtr make_shrink_command();
CommandPtr make_lint_command();
CommandPtr make_list_command();
CommandPtr make_describe_command();
CommandPtr make_schema_command();
CommandPtr make_report_command();
CommandPtr make_doctor_command();
CommandPtr make_clean_command();
CommandPtr make_completion_command();
CommandPtr make_man_command();
CommandPtr make_worker_command();

/// In the order in which help shows them.
std::vector<CommandPtr> all_commands();

}  // namespace snaphammer::cli
