// What findings depend on, as tables: in the other summaries where a campaign has something to attribute, and alone.
#include <fmt/format.h>

#include "harness/report/attribution.h"
#include "harness/report/markdown_text.h"
#include "harness/report/reporter.h"

namespace snaphammer::report {
namespace {

constexpr std::size_t kMostLevels = 12;  // Of a factor that shows no effect; more are told together.

/// Cells of one line; what was said in the line before is left out.
struct Line {
  std::string factor;
  std::string effect;
  std::string where;
  std::string value;
  Share share;
};

std::vector<Line> lines_of(const Factor& factor) {
  std::vector<Line> lines;
  std::string name = factor.name;
  std::string effect(name_of(factor.effect));
  for (const Comparison& comparison : factor.comparisons) {
    std::vector<Level> levels = comparison.levels;
    const bool differ = factor.effect == Effect::kDecides || factor.effect == Effect::kMatters;
    if (levels.size() > kMostLevels && !differ) {
      Level together{fmt::format("{} values", levels.size()), {}};
      for (const Level& level : levels) {
        together.share.found += level.share.found;
        together.share.runs += level.share.runs;
      }
      levels = {together};
    }
    std::string where = comparison.where.empty() ? "all runs" : comparison.where;
    for (const Level& level : levels) {
      lines.push_back(
          {std::exchange(name, ""), std::exchange(effect, ""), std::exchange(where, ""), level.value, level.share});
    }
  }
  return lines;
}

std::string found(const Share& share) { return fmt::format("{} of {}", share.found, share.runs); }

std::string between(const Share& share) {
  const Interval interval = share.interval();
  return fmt::format("{:.0f}-{:.0f} %", interval.low * 100, interval.high * 100);
}

std::string heading(const Attribution& one) {
  std::string text =
      fmt::format("What {} depends on in {}: found in {} runs", one.finding, one.scenario, found(one.all));
  if (one.not_judged != 0) text += fmt::format(", {} more said nothing", one.not_judged);
  return text;
}

std::string render_attribution(const CampaignResult& campaign) {
  const std::string text = attribution_markdown(campaign.runs);
  return text.empty() ? "Nothing to attribute: no scenario with a finding has two factors that vary.\n" : text;
}
const FormatRegistration registration{
    {"attribution", "what findings depend on: shares and confidence intervals by factor, in Markdown",
     render_attribution}};

}  // namespace

std::string attribution_table(const std::vector<RunResult>& runs) {
  std::string text;
  for (const Attribution& one : attribute(runs)) {
    text += (text.empty() ? "" : "\n") + heading(one) + "\n";
    std::vector<std::vector<std::string>> rows{{"  FACTOR", "EFFECT", "AMONG", "VALUE", "FOUND", "95 %"}};
    for (const Factor& factor : one.factors) {
      for (const Line& line : lines_of(factor)) {
        rows.push_back(
            {"  " + line.factor, line.effect, line.where, line.value, found(line.share), between(line.share)});
      }
    }
    std::vector<std::size_t> widths(rows.front().size());
    for (const auto& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const auto& row : rows) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}", row[i], widths[i] + 2);
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
  }
  return text;
}

std::string attribution_markdown(const std::vector<RunResult>& runs) {
  std::string text;
  for (const Attribution& one : attribute(runs)) {
    text += fmt::format("{}### {}\n\n", text.empty() ? "" : "\n", markdown_cell(heading(one)));
    text += "| Factor | Effect | Among | Value | Found | 95 % |\n|---|---|---|---|--:|--:|\n";
    for (const Factor& factor : one.factors) {
      for (const Line& line : lines_of(factor)) {
        const auto cell = [](const std::string& said) { return said.empty() ? "" : markdown_cell(said); };
        text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", cell(line.factor), cell(line.effect), cell(line.where),
                            cell(line.value), found(line.share), between(line.share));
      }
    }
  }
  return text;
}

}  // namespace snaphammer::report
