#include "harness/report/detection.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/report/statistics.h"
#include "harness/report/summary_table.h"

namespace snaphammer::report {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "m3" and the like.
bool is_row_id(std::string_view part) {
  return part.size() > 1 && part.front() >= 'a' && part.front() <= 'z' && std::ranges::all_of(part.substr(1), is_digit);
}

std::string row_of(const std::string& scenario) {
  std::string row;
  for (std::string_view rest = scenario; !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find('-'));
    if (!is_row_id(part)) break;
    row +=
        fmt::format("{}{}{}", row.empty() ? "" : ", ", static_cast<char>(std::toupper(part.front())), part.substr(1));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  return row.empty() ? scenario : row;
}

/// M2 before M10, and ids before names of scenarios.
auto order_of(const DetectionRow& row) {
  const bool is_id = row.id.size() > 1 && is_digit(row.id[1]);
  const std::size_t number = is_id ? std::stoul(row.id.substr(1)) : 0;
  return std::tuple(!is_id, is_id ? row.id.front() : ' ', number, row.id);
}

std::string ending_of(const RunResult& run) {
  if (run.is_flaky()) return "flaky";
  std::set<std::string> found;
  for (const Finding& finding : run.findings) found.insert(finding.id);
  if (found.empty()) return std::string(name_of(run.verdict));
  return fmt::format("{} ({})", name_of(run.verdict), fmt::join(found, ", "));
}

/// Nothing when a finding does not say when it was made, as in results of older builds.
std::optional<DetectionTime> time_of(const RunResult& run) {
  std::map<std::string, double> first;
  for (const Finding& finding : run.findings) {
    if (!finding.at_ms) return std::nullopt;
    const auto [seen, is_new] = first.emplace(finding.id, *finding.at_ms);
    if (!is_new) seen->second = std::min(seen->second, *finding.at_ms);
  }
  DetectionTime time;
  for (const auto& [id, at_ms] : first) time.since_start_ms = std::max(time.since_start_ms, at_ms);
  for (const FaultReport& fault : run.faults) {
    if (!fault.first_at_ms || *fault.first_at_ms > time.since_start_ms) continue;
    const double since = time.since_start_ms - *fault.first_at_ms;
    time.since_fault_ms = std::max(time.since_fault_ms.value_or(0), since);
  }
  return time;
}

void count(DetectionPoint& point, const RunResult& run) {
  if (run.verdict == Verdict::kSkipped && !run.expected) {
    ++point.skipped;
    return;
  }
  ++point.tally.runs;
  if (!run.expected || run.is_flaky()) {
    ++point.otherwise[ending_of(run)];
    return;
  }
  ++point.tally.good;
  if (!point.has_defect) return;
  if (const auto time = time_of(run)) point.times.push_back(*time);
}

Tally sum(const std::vector<DetectionPoint>& points, bool has_defect) {
  Tally total;
  for (const DetectionPoint& point : points) {
    if (point.has_defect != has_defect) continue;
    total.good += point.tally.good;
    total.runs += point.tally.runs;
  }
  return total;
}

}  // namespace

Tally DetectionRow::found() const { return sum(points, true); }
Tally DetectionRow::clean() const { return sum(points, false); }

std::vector<std::string> DetectionRow::findings() const {
  std::set<std::string> all;
  for (const DetectionPoint& point : points) all.insert(point.findings.begin(), point.findings.end());
  return {all.begin(), all.end()};
}

std::optional<double> DetectionRow::median_ms(bool& since_fault) const {
  std::vector<double> from_start;
  std::vector<double> from_fault;
  for (const DetectionPoint& point : points) {
    for (const DetectionTime& time : point.times) {
      from_start.push_back(time.since_start_ms);
      if (time.since_fault_ms) from_fault.push_back(*time.since_fault_ms);
    }
  }
  if (from_start.empty()) return std::nullopt;
  since_fault = from_fault.size() == from_start.size();
  return percentile(since_fault ? from_fault : from_start, 50);
}

bool DetectionRow::is_as_expected() const {
  const Tally with_defect = found();
  const Tally controls = clean();
  return with_defect.runs + controls.runs > 0 && with_defect.good * 10 >= with_defect.runs * 9 &&
         controls.good == controls.runs;
}

std::vector<DetectionRow> detection_rows(const std::vector<RunResult>& runs) {
  std::vector<DetectionRow> rows;
  for (const RunResult& run : runs) {
    if (!run.expects) continue;
    const std::string id = row_of(run.scenario);
    const auto row = std::ranges::find(rows, id, &DetectionRow::id);
    DetectionRow& own = row != rows.end() ? *row : rows.emplace_back(DetectionRow{.id = id, .points = {}});
    const std::string label = point_label(run.point);
    const auto point = std::ranges::find_if(own.points, [&](const DetectionPoint& known) {
      return known.scenario == run.scenario && known.point == label;
    });
    if (point != own.points.end()) {
      count(*point, run);
      continue;
    }
    DetectionPoint first{.scenario = run.scenario,
                         .point = label,
                         .has_defect = run.expects->verdict != Verdict::kPass,
                         .findings = run.expects->findings};
    count(first, run);
    own.points.push_back(std::move(first));
  }
  std::ranges::stable_sort(rows, {}, order_of);
  return rows;
}

}  // namespace snaphammer::report
