#include "harness/scenario/yaml_syntax.h"

#include <algorithm>

#include <fmt/format.h>

namespace snaphammer::scenario {
namespace {

struct Rule {
  std::string_view parser;  ///< How yaml-cpp's message begins.
  std::string_view message;
  std::string_view advice;
};

constexpr Rule kRules[] = {
    {"illegal map value", "a ':' where no value can begin",
     "put text with a ':' in it in quotes, or indent the line as the keys that it belongs to"},
    {"end of map not found", "neither a further key nor the end of the keys above it",
     "indent it as what it belongs to; put text with quotes or ': ' in it in quotes as a whole"},
    {"end of sequence not found", "neither a further entry nor the end of the list above it",
     "indent it as what it belongs to"},
    {"illegal block entry", "a '-' where no list can begin",
     "begin each entry in a line of its own, or write the list as [a, b]"},
    {"illegal map key", "a '?' where no key can begin", "put text that begins with it in quotes"},
    {"unexpected character in block scalar", "text in the line of a '|' or '>'",
     "begin the text in the next line, indented further; put text that begins with one of them in quotes"},
    {"the referenced anchor is not defined", "nothing has this name",
     "name a value with &NAME before using it as *NAME; put text that begins with '*' in quotes"},
    {"alias not found", "a '*' without a name", "put text that begins with '*' in quotes"},
    {"anchor not found", "a '&' without a name", "put text that begins with '&' in quotes"},
    {"illegal document indicator in scalar", "a document begins or ends within quotes", "close the quote before it"},
    {"unknown escape character", "no escape sequence", R"(write a backslash as \\, or use single quotes)"},
};

bool is_indented_by_tab(std::string_view line) {
  return line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
}

YamlFault explain_alone(std::string_view message, const YamlSeen& seen) {
  if (is_indented_by_tab(seen.line)) return {"a tab indents this line", "indent with spaces"};
  const bool in_flow = message == "end of map flow not found" || message == "end of sequence flow not found";
  if (in_flow && seen.bracket) {
    const auto& [opening, where] = *seen.bracket;
    const char closing = opening == '{' ? '}' : ']';
    return {fmt::format("expected ',' or '{}'", closing),
            fmt::format("close the '{}' of line {}, column {}", opening, where.line, where.column)};
  }
  const char next = seen.rest.empty() ? '\0' : seen.rest.front();
  if (message == "illegal flow end") return {fmt::format("a '{}' that closes nothing", next), "remove it"};
  if (message == "unknown token" && next != '\0') {
    return {fmt::format("text cannot begin with '{}'", next), "put it in quotes"};
  }
  const Rule* const rule =
      std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& r) { return message.starts_with(r.parser); });
  if (rule == std::end(kRules)) return {std::string(message), {}};
  return {std::string(rule->message), std::string(rule->advice)};
}

}  // namespace

YamlFault explain(std::string_view message, const YamlSeen& seen) {
  YamlFault fault = explain_alone(message, seen);
  fault.message = "not YAML: " + fault.message;
  if (seen.quote && seen.quote->closed_in_line == seen.line_number) {
    const Position& opened = seen.quote->opened;
    fault.advice = fmt::format("the quote of line {}, column {} is closed only here", opened.line, opened.column);
  }
  return fault;
}

std::size_t end_of_quoted(std::string_view text, std::size_t start) {
  const char quote = text[start];
  for (std::size_t i = start + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote) return i + 1;
      ++i;  // '' is a quote in the text.
    }
  }
  return std::string_view::npos;
}

}  // namespace snaphammer::scenario
