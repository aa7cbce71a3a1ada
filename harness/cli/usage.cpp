#include "harness/cli/usage.h"

#include <algorithm>

#include "harness/cli/command.h"

namespace snaphammer::cli {
namespace {

ArgumentUsage argument_of(const CLI::Option& option, const CommandWords& words) {
  ArgumentUsage usage;
  for (const std::string& name : option.get_snames()) usage.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) usage.names.push_back("--" + name);
  const bool is_flag = option.get_items_expected_max() == 0;
  // A type's name goes on with its bounds: "UINT:UINT in [1 - 1024]".
  const std::string type = option.get_type_name();
  if (option.get_positional()) {
    usage.value = option.get_name(/*positional=*/true);
  } else if (!is_flag) {
    usage.value = type.substr(0, type.find(':'));
  }
  usage.description = option.get_description();
  usage.required = option.get_required();
  usage.repeats = option.get_positional() && option.get_items_expected_max() > 1;
  const auto known = words.find(option.get_positional() ? usage.value : usage.names.back());
  if (known != words.end()) usage.words = known->second;
  return usage;
}

CommandUsage usage_of(const CLI::App& app, const CommandWords& words) {
  CommandUsage usage{app.get_name(), app.get_description(), {}, {}, app.get_footer()};
  for (const CLI::Option* const option : app.get_options()) {
    (option->get_positional() ? usage.positionals : usage.options).push_back(argument_of(*option, words));
  }
  return usage;
}

}  // namespace

ProgramUsage usage_of(const CLI::App& app, const std::vector<std::unique_ptr<Command>>& commands) {
  ProgramUsage usage{usage_of(app, CommandWords()), {}};
  for (const std::unique_ptr<Command>& command : commands) {
    if (command->is_internal()) continue;
    usage.commands.push_back(usage_of(*app.get_subcommand(command->name()), command->words()));
  }
  return usage;
}

}  // namespace snaphammer::cli
