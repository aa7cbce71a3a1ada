#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "harness/cli/usage.h"
#include "harness/scenario/describe.h"

namespace snaphammer::cli {
namespace {

/// Text in which no character is roff's: hyphens stay what they are, for who copies an option.
std::string escaped(std::string_view text) {
  std::string result;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
    line_begins = c == '\n';
  }
  return result;
}
/// As the argument of a macro, in which quotes have a meaning.
std::string argument(std::string_view text) {
  std::string result = "\"";
  for (const char c : escaped(text)) result += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return result + "\"";
}
std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string upper_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// The paragraphs of a footer, as lines.
std::vector<std::vector<std::string>> paragraphs_of(const std::string& footer) {
  std::vector<std::vector<std::string>> paragraphs;
  std::istringstream lines(footer);
  bool within = false;
  for (std::string line; std::getline(lines, line); within = !line.empty()) {
    if (line.empty()) continue;
    if (!within) paragraphs.emplace_back();
    paragraphs.back().push_back(line);
  }
  return paragraphs;
}

/// `title` is the macro for a paragraph's heading: a section, or a line of its own.
std::string footer_of(const CommandUsage& command, bool as_sections) {
  std::string text;
  for (const std::vector<std::string>& lines : paragraphs_of(command.footer)) {
    const bool headed = lines.front().ends_with(':');
    if (!headed) {
      text += fmt::format(".PP\n{}\n", escaped(fmt::format("{}", fmt::join(lines, "\n"))));
      continue;
    }
    const std::string title = lines.front().substr(0, lines.front().size() - 1);
    text += as_sections ? fmt::format(".SH {}\n", argument(upper_case(title)))
                        : fmt::format(".PP\n{}:\n.PP\n", escaped(title));
    text += ".nf\n";
    for (std::size_t i = 1; i < lines.size(); ++i) text += escaped(lines[i]) + "\n";
    text += ".fi\n";
  }
  return text;
}

std::string synopsis_of(const CommandUsage& command) {
  std::string text = command.name;
  if (!command.options.empty()) text += " [OPTION...]";
  for (const ArgumentUsage& positional : command.positionals) {
    const std::string name = positional.value + (positional.repeats ? "..." : "");
    text += positional.required ? " " + name : " [" + name + "]";
  }
  return text;
}

std::string arguments_of(const std::vector<ArgumentUsage>& arguments) {
  std::string text;
  for (const ArgumentUsage& one : arguments) {
    std::vector<std::string> names;
    for (const std::string& name : one.names) names.push_back(bold(name));
    const std::string value = one.value.empty() ? "" : (names.empty() ? "" : " ") + italic(one.value);
    text += fmt::format(".TP\n{}{}\n{}.\n", fmt::join(names, ", "), value, escaped(one.description));
  }
  return text;
}

std::string topics_of(const std::string& kind) {
  std::string text = fmt::format(".SS {}\n", argument(upper_case(kind.substr(0, 1)) + kind.substr(1)));
  for (const scenario::Topic& topic : scenario::topics(kind)) {
    text += fmt::format(".TP\n{}\n{}\n", bold(topic.name), escaped(topic.summary));
  }
  return text;
}

}  // namespace

std::string man_page(const ProgramUsage& usage, std::string_view version) {
  std::string text = fmt::format(
      ".\\\" Made by `snaphammer man`.\n"
      ".TH SNAPHAMMER 1 \"\" \"snaphammer {}\" \"User Commands\"\n"
      ".SH NAME\nsnaphammer \\- test and fault\\-injection harness for VM snapshots\n"
      ".SH SYNOPSIS\n{} {} [{}...] [{}...]\n"
      ".SH DESCRIPTION\n{}\n",
      version, bold("snaphammer"), italic("COMMAND"), italic("OPTION"), italic("ARGUMENT"),
      escaped(usage.program.description));
  text += ".SH OPTIONS\n" + arguments_of(usage.program.options) + ".SH COMMANDS\n";
  for (const CommandUsage& command : usage.commands) {
    text += fmt::format(".SS {}\n{}.\n", argument(synopsis_of(command)), escaped(command.description));
    text +=
        arguments_of(command.positionals) + arguments_of(command.options) + footer_of(command, /*as_sections=*/false);
  }
  text += footer_of(usage.program, /*as_sections=*/true);
  text += ".SH \"WHAT SCENARIOS CAN NAME\"\n" + bold("snaphammer describe") + " says all that is known of each.\n";
  for (const std::string& kind : scenario::listable()) text += topics_of(kind);
  return text;
}

}  // namespace snaphammer::cli
