// The command line as plain data, for what is made of it: shell completion and the man page. It is read from the parser's
// own definitions, and from what is registered, so nothing is said twice.
//
//   const ProgramUsage usage = usage_of(session.app, session.commands);
//   session.out << man_page(usage, SNAPHAMMER_VERSION);
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace snaphammer::cli {

class Command;

/// An option, a flag, or a positional argument.
struct ArgumentUsage {
  std::vector<std::string> names;  ///< "-j", "--jobs"; none for a positional argument.
  std::string value;               ///< What is to be given: "FILE". Empty for a flag.
  std::string description;
  bool required = false;
  bool repeats = false;            ///< A positional argument that takes any number of values.
  std::vector<std::string> words;  ///< The values that there are, when they are known.

  bool takes_files() const { return value == "FILE" || value == "PATH"; }
  bool takes_directories() const { return value == "DIR" || value == "RUN"; }
};

struct CommandUsage {
  std::string name;
  std::string description;
  std::vector<ArgumentUsage> positionals;
  std::vector<ArgumentUsage> options;
  std::string footer;  ///< Paragraphs; one whose first line ends in a colon is an example or a table.
};

struct ProgramUsage {
  CommandUsage program;                ///< Its options are those without a command.
  std::vector<CommandUsage> commands;  ///< Without internal ones, in the order of the help.
};

/// `commands` are those that `app` was declared from.
ProgramUsage usage_of(const CLI::App& app, const std::vector<std::unique_ptr<Command>>& commands);

/// For the source of a shell, which asks the program `snaphammer` nothing: bash, zsh or fish. Empty for another shell.
std::string completion_script(const ProgramUsage& usage, std::string_view shell);
const std::vector<std::string>& completion_shells();

/// In roff, for section 1; with a section for each kind of thing that scenarios can name.
std::string man_page(const ProgramUsage& usage, std::string_view version);

}  // namespace snaphammer::cli
