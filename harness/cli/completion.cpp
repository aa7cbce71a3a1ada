#include <algorithm>

#include <fmt/format.h>

#include "harness/cli/usage.h"

namespace snaphammer::cli {
namespace {

/// As one word of any of the three shells, inside of single quotes.
std::string quoted(std::string_view text, std::string_view quote_inside) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') {
      result += quote_inside;
    } else {
      result += c == '\n' ? ' ' : c;
    }
  }
  return result + "'";
}
std::string posix_quoted(std::string_view text) { return quoted(text, "'\\''"); }
std::string fish_quoted(std::string_view text) { return quoted(text, "\\'"); }

/// Up to the first full stop or semicolon: menus are narrow.
std::string headline(const std::string& description) {
  return description.substr(0, description.find_first_of(".;:\n"));
}

std::vector<std::string> option_names(const CommandUsage& command) {
  std::vector<std::string> names;
  for (const ArgumentUsage& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

std::vector<std::string> command_names(const ProgramUsage& usage) {
  std::vector<std::string> names;
  for (const CommandUsage& command : usage.commands) names.push_back(command.name);
  return names;
}

// ---- bash

/// What sets `words` and `files` for a value.
std::string bash_value(const ArgumentUsage& argument) {
  if (!argument.words.empty())
    return fmt::format("words={}", posix_quoted(fmt::format("{}", fmt::join(argument.words, " "))));
  if (argument.takes_files()) return "files=-f";
  if (argument.takes_directories()) return "files=-d";
  return ":";
}

std::string bash_command(const CommandUsage& command) {
  std::string text = fmt::format("    {})\n      case $previous in\n", command.name);
  for (const ArgumentUsage& option : command.options) {
    if (option.value.empty()) continue;
    text += fmt::format("        {}) {} ;;\n", fmt::join(option.names, "|"), bash_value(option));
  }
  // The first positional argument has the words, if any has.
  const std::string value = command.positionals.empty() ? ":" : bash_value(command.positionals.front());
  text += fmt::format("        *) options={}; {} ;;\n      esac ;;\n",
                      posix_quoted(fmt::format("{}", fmt::join(option_names(command), " "))), value);
  return text;
}

std::string bash_script(const ProgramUsage& usage) {
  std::string text =
      "# bash completion for snaphammer; made by `snaphammer completion bash`.\n"
      "_snaphammer() {\n"
      "  local typed=${COMP_LINE:0:COMP_POINT} command= words= options= files= word\n"
      "  local -a line\n"
      "  read -ra line <<<\"$typed\"\n"
      "  [[ $typed != *[[:space:]] ]] || line+=('')\n"
      "  local current=${line[-1]} previous=${line[-2]}\n"
      "  for word in \"${line[@]:1:${#line[@]}-2}\"; do\n"
      "    [[ $word == -* ]] || { command=$word; break; }\n"
      "  done\n"
      "  case $command in\n";
  text += fmt::format("    '') words={}; options={} ;;\n",
                      posix_quoted(fmt::format("{}", fmt::join(command_names(usage), " "))),
                      posix_quoted(fmt::format("{}", fmt::join(option_names(usage.program), " "))));
  for (const CommandUsage& command : usage.commands) text += bash_command(command);
  text +=
      "  esac\n"
      "  [[ $current != -* ]] || { words=$options; files=; }\n"
      "  COMPREPLY=()\n"
      "  if [[ -n $files ]]; then\n"
      "    compopt -o filenames\n"
      "    mapfile -t COMPREPLY < <(compgen \"$files\" -- \"$current\")\n"
      "    return\n"
      "  fi\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "  # Bash takes what follows a colon or an equals sign for a word of its own.\n"
      "  local before=${current%\"${current##*[:=]}\"}\n"
      "  COMPREPLY=(\"${COMPREPLY[@]#\"$before\"}\")\n"
      "}\n"
      "complete -F _snaphammer snaphammer\n";
  return text;
}

// ---- zsh

/// Brackets and colons have a meaning in the specifications of _arguments.
std::string zsh_escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

/// ":FILE:_files", after the name of what is completed.
std::string zsh_value(const ArgumentUsage& argument) {
  std::string action;
  if (!argument.words.empty()) {
    std::vector<std::string> words;
    for (const std::string& word : argument.words) words.push_back(zsh_escaped(word));
    action = fmt::format("({})", fmt::join(words, " "));
  } else if (argument.takes_files()) {
    action = "_files";
  } else if (argument.takes_directories()) {
    action = "_files -/";
  }
  return fmt::format(":{}:{}", zsh_escaped(argument.value), action);
}

std::string zsh_arguments(const CommandUsage& command) {
  std::string text;
  for (const ArgumentUsage& option : command.options) {
    for (const std::string& name : option.names) {
      const std::string spec = fmt::format("*{}[{}]{}", name, zsh_escaped(headline(option.description)),
                                           option.value.empty() ? "" : zsh_value(option));
      text += fmt::format(" \\\n        {}", posix_quoted(spec));
    }
  }
  for (const ArgumentUsage& positional : command.positionals) {
    text += fmt::format(" \\\n        {}", posix_quoted((positional.repeats ? "*" : "") + zsh_value(positional)));
  }
  return text;
}

std::string zsh_script(const ProgramUsage& usage) {
  std::string text =
      "#compdef snaphammer\n"
      "# Made by `snaphammer completion zsh`.\n"
      "_snaphammer() {\n"
      "  local context state state_descr line curcontext=$curcontext\n"
      "  typeset -A opt_args\n"
      "  local -a commands=(\n";
  for (const CommandUsage& command : usage.commands) {
    text += fmt::format("    {}\n", posix_quoted(command.name + ":" + zsh_escaped(headline(command.description))));
  }
  text += "  )\n  _arguments -C" + zsh_arguments(usage.program) +
          " \\\n        '1:command:->command' '*::argument:->argument'\n"
          "  case $state in\n"
          "    command) _describe command commands ;;\n"
          "    argument) case $line[1] in\n";
  for (const CommandUsage& command : usage.commands) {
    text += fmt::format("      {}) _arguments{} ;;\n", command.name, zsh_arguments(command));
  }
  text +=
      "    esac ;;\n"
      "  esac\n"
      "}\n"
      "if [[ $funcstack[1] == _snaphammer ]]; then _snaphammer \"$@\"; else compdef _snaphammer snaphammer; fi\n";
  return text;
}

// ---- fish

std::string fish_value(const ArgumentUsage& argument) {
  if (!argument.words.empty())
    return fmt::format(" -x -a {}", fish_quoted(fmt::format("{}", fmt::join(argument.words, " "))));
  if (argument.takes_files()) return " -r -F";
  if (argument.takes_directories()) return " -x -a '(__fish_complete_directories)'";
  return " -x";
}

std::string fish_options(const CommandUsage& command, const std::string& condition) {
  std::string text;
  for (const ArgumentUsage& option : command.options) {
    text += "complete -c snaphammer -n " + fish_quoted(condition);
    for (const std::string& name : option.names) {
      text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    text +=
        (option.value.empty() ? "" : fish_value(option)) + " -d " + fish_quoted(headline(option.description)) + "\n";
  }
  return text;
}

std::string fish_script(const ProgramUsage& usage) {
  const std::string no_command = "__fish_use_subcommand";
  std::string text =
      "# fish completion for snaphammer; made by `snaphammer completion fish`.\n"
      "complete -c snaphammer -f\n";
  text += fish_options(usage.program, no_command);
  for (const CommandUsage& command : usage.commands) {
    const std::string chosen = "__fish_seen_subcommand_from " + command.name;
    text += fmt::format("complete -c snaphammer -n {} -a {} -d {}\n", fish_quoted(no_command), command.name,
                        fish_quoted(headline(command.description)));
    if (!command.positionals.empty()) {
      text +=
          fmt::format("complete -c snaphammer -n {}{}\n", fish_quoted(chosen), fish_value(command.positionals.front()));
    }
    text += fish_options(command, chosen);
  }
  return text;
}

}  // namespace

const std::vector<std::string>& completion_shells() {
  static const std::vector<std::string> shells{"bash", "zsh", "fish"};
  return shells;
}

std::string completion_script(const ProgramUsage& usage, std::string_view shell) {
  if (shell == "bash") return bash_script(usage);
  if (shell == "zsh") return zsh_script(usage);
  if (shell == "fish") return fish_script(usage);
  return "";
}

}  // namespace snaphammer::cli
