// A summary for pull requests: one table, what was not as expected first, with the line that reproduces it.
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/report/attribution.h"
#include "harness/report/markdown_text.h"
#include "harness/report/reporter.h"
#include "harness/report/statistics.h"
#include "harness/report/summary_table.h"

namespace snaphammer::report {
namespace {

std::string findings_of(const RunResult& run) {
  std::map<std::string, std::uint64_t> counts;
  for (const Finding& finding : run.findings) counts[finding.id] += finding.count;
  std::string text;
  for (const auto& [id, count] : counts) text += fmt::format("{}{} ×{}", text.empty() ? "" : ", ", id, count);
  return text;
}

std::string row(const RunResult& run) {
  const std::vector<double> restores = run.times_to_healthy();
  const std::string restore = restores.empty() ? "-" : fmt::format("{:.0f} ms", percentile(restores, 50));
  std::string verdict(run.is_flaky() ? "flaky" : name_of(run.verdict));
  if (run.is_surprise()) verdict += " ✗";
  if (!run.known.empty()) verdict += " (known)";
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", markdown_cell(run.scenario),
                     markdown_cell(point_label(run.point)), run.seed, verdict, markdown_cell(findings_of(run)),
                     restore);
}

}  // namespace

std::string render_markdown(const CampaignResult& campaign) {
  const Summary summary = summarize(campaign.runs);
  const std::size_t planned = summary.total + campaign.unfinished;
  std::string text = fmt::format("## Snaphammer: {} of {} runs as expected\n\n", summary.as_expected, planned);
  if (campaign.unfinished > 0) text += fmt::format("**Incomplete**: {}.\n\n", missing_runs(campaign));
  const std::pair<std::size_t, const char*> others[] = {
      {summary.unexpected, "unexpected"}, {summary.inconclusive, "inconclusive"},
      {summary.error, "error"},           {summary.skipped, "skipped"},
      {summary.flaky, "flaky"},           {summary.known, "known"}};
  std::string line;
  for (const auto& [count, name] : others) {
    if (count > 0) line += fmt::format("{}{} {}", line.empty() ? "" : ", ", count, name);
  }
  if (!line.empty()) text += line + "\n\n";
  text += "| Scenario | Point | Seed | Verdict | Findings | Restore to healthy (p50) |\n|---|---|--:|---|---|--:|\n";
  for (const bool attention : {true, false}) {
    for (const RunResult& run : campaign.runs) {
      if (run.is_surprise() == attention) text += row(run);
    }
  }
  for (const RunResult& run : campaign.runs) {
    if (!run.is_surprise()) continue;
    text += fmt::format("\n**{}**: {}\n", markdown_cell(run.id), markdown_cell(run.message));
    for (const Finding& finding : run.findings) {
      text +=
          fmt::format("- `{}` ({}): {}\n", finding.id, markdown_cell(finding.oracle), markdown_cell(finding.message));
    }
    text += fmt::format("\n```\n{}\n```\n", run.reproduce);
  }
  for (const RunResult& run : campaign.runs) {
    if (!run.known.empty())
      text += fmt::format("\n**{}** is a known failure: {}\n", markdown_cell(run.id), markdown_cell(run.known));
    for (const Attempt& attempt : run.is_flaky() ? run.attempts : std::vector<Attempt>()) {
      text += fmt::format("\n**{}** is flaky: {}; artifacts: {}\n", markdown_cell(run.id),
                          markdown_cell(attempt.message), markdown_cell(attempt.artifacts));
    }
  }
  const std::string attributed = attribution_markdown(campaign.runs);
  if (!attributed.empty()) text += "\n" + attributed;
  return text;
}

namespace {
const FormatRegistration registration{{"markdown", "a summary for pull requests", render_markdown}};
}

}  // namespace snaphammer::report
