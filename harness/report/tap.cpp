// TAP version 14: one test point per run, with a YAML block for what was not as expected.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/report/reporter.h"

namespace snaphammer::report {
namespace {

/// JSON strings are YAML strings, whatever is in them.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// `#` and `\` have a meaning in a description.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '#' || c == '\\') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

std::string diagnosis(const RunResult& run) {
  std::string text = "  ---\n";
  text +=
      fmt::format("  verdict: {}\n  message: {}\n  seed: {}\n", name_of(run.verdict), quoted(run.message), run.seed);
  if (!run.findings.empty()) text += "  findings:\n";
  for (const Finding& finding : run.findings) {
    text +=
        fmt::format("    - {{id: {}, count: {}, message: {}}}\n", finding.id, finding.count, quoted(finding.message));
  }
  return text + fmt::format("  reproduce: {}\n  ...\n", quoted(run.reproduce));
}

}  // namespace

std::string render_tap(const CampaignResult& campaign) {
  std::string text = fmt::format("TAP version 14\n1..{}\n", campaign.runs.size() + campaign.unfinished);
  std::size_t number = 0;
  for (const RunResult& run : campaign.runs) {
    ++number;
    if (run.verdict == Verdict::kSkipped) {
      text += fmt::format("ok {} - {} # SKIP {}\n", number, escaped(run.id), escaped(run.message));
      continue;
    }
    if (!run.known.empty()) {
      text += fmt::format("not ok {} - {} # TODO {}\n", number, escaped(run.id), escaped(run.known));
      continue;
    }
    text += fmt::format("{} {} - {}\n", run.expected ? "ok" : "not ok", number, escaped(run.id));
    if (!run.expected) text += diagnosis(run);
  }
  if (campaign.unfinished > 0) text += fmt::format("Bail out! {}\n", missing_runs(campaign));
  return text;
}

namespace {
const FormatRegistration registration{{"tap", "TAP 14, for test harnesses", render_tap}};
}

}  // namespace snaphammer::report
