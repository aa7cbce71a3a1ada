#include "harness/report/summary_table.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/report/statistics.h"

namespace snaphammer::report {
namespace {

using Row = std::vector<std::string>;
constexpr std::size_t kPointColumn = 1;
constexpr std::size_t kGap = 2;

/// All runs of one scenario at one point.
struct Group {
  std::string scenario;
  std::string point;
  std::vector<const RunResult*> runs;
};

std::vector<Group> group(const std::vector<RunResult>& runs) {
  std::vector<Group> groups;
  for (const RunResult& run : runs) {
    const std::string label = point_label(run.point);
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
      return g.scenario == run.scenario && g.runs.front()->point == run.point;
    });
    Group& own = found != groups.end() ? *found : groups.emplace_back(Group{run.scenario, label, {}});
    own.runs.push_back(&run);
  }
  return groups;
}

std::string counted(const std::map<std::string, std::size_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count);
  return text.empty() ? "-" : text;
}

Row row_of(const Group& group) {
  std::map<std::string, std::size_t> verdicts;
  std::map<std::string, std::size_t> findings;
  std::vector<double> restores;
  std::size_t expected = 0;
  for (const RunResult* run : group.runs) {
    ++verdicts[std::string(run->is_flaky() ? "flaky" : name_of(run->verdict))];
    expected += run->expected ? 1 : 0;
    std::map<std::string, bool> found;
    for (const Finding& finding : run->findings) found[finding.id] = true;
    for (const auto& [id, seen] : found) ++findings[id];
    const std::vector<double> times = run->times_to_healthy();
    restores.insert(restores.end(), times.begin(), times.end());
  }
  const auto milliseconds = [&](double value) { return restores.empty() ? "-" : fmt::format("{:.0f} ms", value); };
  return {group.scenario,
          group.point.empty() ? "-" : group.point,
          std::to_string(group.runs.size()),
          std::to_string(expected),
          counted(verdicts),
          counted(findings),
          milliseconds(percentile(restores, 50)),
          milliseconds(maximum(restores))};
}

/// Cut at a character's end, with a mark that something is missing.
std::string shortened(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  return text.substr(0, width - 1) + "~";
}

}  // namespace

std::string point_label(const std::vector<std::pair<std::string, nlohmann::json>>& point) {
  // `depth` parts from the end of a path.
  const auto tail = [](const std::string& path, std::size_t depth) {
    std::size_t start = path.size();
    for (std::size_t i = 0; i < depth && start != std::string::npos && start > 0; ++i) {
      start = path.rfind('.', start - 1);
    }
    return start == std::string::npos ? path : path.substr(start + (start < path.size() && path[start] == '.' ? 1 : 0));
  };
  std::string label;
  for (const auto& [path, value] : point) {
    const std::string& own = path;
    std::size_t depth = 1;
    const auto is_shared = [&](std::size_t d) {
      return std::count_if(point.begin(), point.end(),
                           [&](const auto& other) { return tail(other.first, d) == tail(own, d); }) > 1;
    };
    while (is_shared(depth) && tail(own, depth) != own) ++depth;
    const std::string text = value.is_string() ? value.template get<std::string>() : value.dump();
    label += fmt::format("{}{}={}", label.empty() ? "" : ",", tail(own, depth), text);
  }
  return label;
}

std::string summary_table(const std::vector<RunResult>& runs, std::size_t width) {
  std::vector<Row> rows{{"SCENARIO", "POINT", "RUNS", "EXPECTED", "VERDICTS", "FINDINGS", "RESTORE P50", "MAX"}};
  for (const Group& each : group(runs)) rows.push_back(row_of(each));
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t total = kGap * (widths.size() - 1);
  for (const std::size_t w : widths) total += w;
  // What a terminal can't hold is taken from the longest texts, names last.
  for (const std::size_t column : {kPointColumn, std::size_t{5}, std::size_t{4}, std::size_t{0}}) {
    constexpr std::size_t kLeast = 8;
    const std::size_t over = total > width ? total - width : 0;
    const std::size_t spare = widths[column] > kLeast ? widths[column] - kLeast : 0;
    const std::size_t taken = std::min(over, spare);
    widths[column] -= taken;
    total -= taken;
  }
  constexpr std::array<bool, 8> kNumbers{false, false, true, true, false, false, true, true};
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = shortened(row[i], widths[i]);
      line += kNumbers[i] ? fmt::format("{:>{}}", cell, widths[i]) : fmt::format("{:<{}}", cell, widths[i]);
      if (i + 1 < row.size()) line += std::string(kGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string summary_line(const CampaignResult& campaign) {
  const Summary summary = summarize(campaign.runs);
  const std::size_t planned = summary.total + campaign.unfinished;
  return fmt::format(
      "{} of {} run{} in {:.1f} s: {} as expected{}, {} unexpected, {} inconclusive, {} error, {} skipped{}",
      summary.total, planned, planned == 1 ? "" : "s", campaign.seconds, summary.as_expected,
      summary.flaky > 0 ? fmt::format(" ({} flaky)", summary.flaky) : "", summary.unexpected, summary.inconclusive,
      summary.error, summary.skipped, summary.known > 0 ? fmt::format(", {} known", summary.known) : "");
}

}  // namespace snaphammer::report
