// Workflow commands of GitHub Actions: an annotation for each run that somebody must look at.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
#include <fmt/format.h>

#include "harness/report/reporter.h"

namespace snaphammer::report {
namespace {

/// A command is one line; in a property, `:` and `,` mean something, too.
std::string escaped(std::string_view text, bool is_property) {
  std::string result;
  for (const char c : text) {
    const bool has_meaning = c == '%' || c == '\r' || c == '\n' || (is_property && (c == ':' || c == ','));
    result += has_meaning ? fmt::format("%{:02X}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return result;
}

std::string annotation(const char* command, const std::string& title, const std::string& message) {
  return fmt::format("::{} title={}::{}\n", command, escaped(title, true), escaped(message, false));
}

std::string details_of(const RunResult& run) {
  std::string text = run.message;
  for (const Finding& finding : run.findings) {
    const std::string line = finding.id + ": " + finding.message;
    if (!run.message.starts_with(line)) text += "\n" + line;
  }
  return text + "\nagain: " + run.reproduce;
}

}  // namespace

std::string render_github(const CampaignResult& campaign) {
  std::string text;
  for (const RunResult& run : campaign.runs) {
    if (!run.known.empty()) {
      text += annotation("notice", run.id, "known failure: " + run.known);
    } else if (run.is_flaky()) {
      text += annotation("warning", run.id, "flaky: " + run.attempts.front().message);
    } else if (run.is_surprise()) {
      text += annotation(run.verdict == Verdict::kInconclusive ? "warning" : "error", run.id, details_of(run));
    }
  }
  if (campaign.unfinished > 0) text += annotation("error", "incomplete campaign", missing_runs(campaign));
  return text;
}

namespace {
const FormatRegistration registration{{"github", "annotations, for GitHub Actions", render_github}};
}

}  // namespace snaphammer::report
