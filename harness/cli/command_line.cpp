#include "harness/cli/command_line.h"

#include <algorithm>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <optional>

#include <unistd.h>

#include "harness/cli/terminal.h"
#include "harness/scenario/diagnostic.h"

namespace snaphammer::cli {
namespace {

constexpr const char* kDescription =
    "Snaphammer boots real Linux guests, breaks their snapshots in the ways in which real runtimes have\n"
    "been broken, and reports what was corrupted and how long a restore takes to a healthy guest.";

constexpr const char* kFooter =
    "\nExamples:\n"
    "  snaphammer doctor                              what this host can do\n"
    "  snaphammer run scenarios/smoke                 all scenarios of a directory\n"
    "  snaphammer run scenarios --filter tag:uffd     those with a tag\n"
    "  snaphammer describe restore                    what a step takes\n"
    "\nExit codes:\n"
    "  0    all as expected\n"
    "  1    some run was not\n"
    "  2    usage or an invalid scenario\n"
    "  3    inconclusive, or an unfit environment\n"
    "  4    the harness itself failed\n"
    "  130  interrupted";

Session make_session(const Parts& parts, const CLI::App& app, const std::vector<CommandPtr>& commands) {
  const bool out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  return {.parts = parts,
          .app = app,
          .commands = commands,
          .environment = engine::Environment::of_this_process(),
          .out = std::cout,
          .err = std::cerr,
          .out_is_terminal = out_is_terminal,
          .width = out_is_terminal ? terminal_size().columns : std::numeric_limits<std::size_t>::max()};
}

int usage_error(const std::string& message, const std::string& advice) {
  std::cerr << "snaphammer: " << message << (advice.empty() ? "" : "; " + advice) << "\n";
  return kInvalidInput;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> public_commands(const std::vector<CommandPtr>& commands) {
  std::vector<std::string> names;
  for (const CommandPtr& command : commands) {
    if (!command->is_internal()) names.push_back(command->name());
  }
  return names;
}

// What the parser could not place: an unknown option, or one argument too many.
std::optional<int> refuse_leftover(const CLI::App& app, const std::string& command) {
  const std::vector<std::string> leftover = app.remaining();
  if (leftover.empty()) return std::nullopt;
  const auto option = std::ranges::find_if(leftover, [](const std::string& word) { return word.starts_with('-'); });
  const std::string help = "see `snaphammer " + command + (command.empty() ? "" : " ") + "--help`";
  if (option == leftover.end()) return usage_error("unexpected argument '" + leftover.front() + "'", help);
  const std::string name = option->substr(0, option->find('='));
  const std::vector<std::string> known = options_of(app);
  const std::string_view nearest = scenario::nearest_name(name, known);
  return usage_error("unknown option '" + name + "'",
                     nearest.empty() ? help : "did you mean '" + std::string(nearest) + "'?");
}

// An option with nothing as its value, as of a variable that a script thought was set, would be as if it were not there.
std::optional<int> refuse_empty(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (std::ranges::none_of(option->results(), &std::string::empty)) continue;
    return usage_error(option->get_name() + " is empty", "see `snaphammer " + app.get_name() + " --help`");
  }
  return std::nullopt;
}

int run(Command& command, Session& session) {
  const Result<int> code = command.run(session);
  session.out.flush();
  if (code) return *code;
  session.err << "snaphammer: " << code.error().message() << "\n";
  if (!code.error().advice().empty()) session.err << "  to do: " << code.error().advice() << "\n";
  return exit_code_of(code.error());
}

}  // namespace

int run_command_line(int argc, const char* const* argv, const Parts& parts) {
  CLI::App app(kDescription, "snaphammer");
  app.footer(kFooter);
  app.set_version_flag("--version", "snaphammer " SNAPHAMMER_VERSION, "Print the version and exit");
  app.allow_extras();
  app.fallthrough(false);

  std::vector<CommandPtr> commands = all_commands();
  // What a campaign starts for each of its runs need not know the others.
  const auto is_called = [&](const CommandPtr& command) {
    return argc > 1 && command->is_internal() && command->name() == argv[1];
  };
  if (std::ranges::any_of(commands, is_called)) std::erase_if(commands, std::not_fn(is_called));
  std::map<const CLI::App*, Command*> by_app;
  for (const CommandPtr& command : commands) {
    CLI::App* const subcommand = app.add_subcommand(command->name());
    subcommand->allow_extras();
    command->declare(*subcommand);
    if (command->is_internal()) subcommand->group("");
    by_app.emplace(subcommand, command.get());
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help and --version
    return app.exit(success, std::cout, std::cerr);
  } catch (const CLI::ParseError& error) {
    std::string command;
    for (const CLI::App* chosen : app.get_subcommands()) {
      if (const auto refused = refuse_leftover(*chosen, chosen->get_name())) return *refused;
      command = chosen->get_name() + " ";
    }
    return usage_error(error.what(), "see `snaphammer " + command + "--help`");
  }

  const auto chosen = app.get_subcommands();
  if (chosen.empty()) {
    const std::vector<std::string> rest = app.remaining();
    if (rest.empty()) {
      std::cerr << app.help();
      return kInvalidInput;
    }
    if (rest.front().starts_with('-')) return *refuse_leftover(app, "");
    return usage_error("unknown command '" + rest.front() + "'",
                       scenario::advise_names(rest.front(), public_commands(commands)));
  }
  if (const auto refused = refuse_leftover(*chosen.front(), chosen.front()->get_name())) return *refused;
  if (const auto refused = refuse_empty(*chosen.front())) return *refused;
  Session session = make_session(parts, app, commands);
  return run(*by_app.at(chosen.front()), session);
}

}  // namespace snaphammer::cli
