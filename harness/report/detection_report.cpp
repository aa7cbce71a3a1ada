// The detection matrix of a catalogue: for people, and for programs.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/report/detection.h"
#include "harness/report/markdown_text.h"
#include "harness/report/reporter.h"

namespace snaphammer::report {
namespace {

using nlohmann::ordered_json;

std::size_t as_expected(const std::vector<DetectionRow>& rows) {
  return static_cast<std::size_t>(std::ranges::count_if(rows, &DetectionRow::is_as_expected));
}

std::string text_of(const Tally& tally) { return tally.runs == 0 ? "-" : fmt::format("{}/{}", tally.good, tally.runs); }

std::string time_text(const DetectionRow& row) {
  bool since_fault = false;
  const std::optional<double> median = row.median_ms(since_fault);
  return median ? fmt::format("{:.1f} s after {}", *median / 1000, since_fault ? "the fault" : "the start") : "-";
}

std::string findings_text(const DetectionRow& row) {
  const bool has_defect = std::ranges::any_of(row.points, &DetectionPoint::has_defect);
  if (!has_defect) return "none: right whatever happens, controls only";
  const std::vector<std::string> findings = row.findings();
  return findings.empty() ? "any" : fmt::format("{}", fmt::join(findings, ", "));
}

/// "EPYC, 2 CPUs, 24 GiB, Linux 6.18, QEMU 7.2.22, accel tcg, guest Linux 6.1"
std::string host_text(const CampaignResult& campaign) {
  std::vector<std::string> facts;
  const nlohmann::json& host = campaign.host;
  if (host.contains("cpu")) facts.push_back(host.at("cpu").get<std::string>());
  if (host.contains("cpus")) facts.push_back(fmt::format("{} CPUs", host.at("cpus").dump()));
  if (host.contains("memory_bytes")) {
    facts.push_back(fmt::format("{:.0f} GiB", host.at("memory_bytes").get<double>() / (1u << 30)));
  }
  if (host.contains("kernel")) facts.push_back("Linux " + host.at("kernel").get<std::string>());
  if (host.contains("qemu")) facts.push_back("QEMU " + host.at("qemu").get<std::string>());
  const auto booted = std::ranges::find_if(campaign.runs, [](const RunResult& run) { return !run.accel.empty(); });
  if (booted != campaign.runs.end()) {
    facts.push_back("accel " + booted->accel);
    facts.push_back("guest Linux " + booted->guest_kernel);
  }
  return fmt::format("{}", fmt::join(facts, ", "));
}

std::string heading(const CampaignResult& campaign, const std::vector<DetectionRow>& rows) {
  std::string text = fmt::format("# Detection matrix: {} of {} rows as expected\n\n", as_expected(rows), rows.size());
  text +=
      "Each row's defect was planted and had to be found by exactly the findings named; its control, the same without "
      "the defect, had to be clean. A row is as expected when at least 9 of 10 runs with the defect were found and "
      "every control was clean.\n\n";
  text += fmt::format("- Campaign {}: {} runs in {:.0f} s, begun {}\n", campaign.campaign, campaign.runs.size(),
                      campaign.seconds, campaign.started);
  if (campaign.unfinished > 0) text += fmt::format("- **Incomplete**: {}\n", missing_runs(campaign));
  text += fmt::format("- {} {}\n", campaign.tool.value("name", "snaphammer"), campaign.tool.value("version", "?"));
  for (const auto& [key, note] : campaign.notes)
    text += fmt::format("- {}: {}\n", markdown_cell(key), markdown_cell(note));
  text += fmt::format("- Host: {}\n", markdown_cell(host_text(campaign)));
  const auto silent = std::ranges::count_if(campaign.runs, [](const RunResult& run) { return !run.expects; });
  if (silent > 0)
    text += fmt::format("- Left out: {} runs of an older build, which do not say what was expected\n", silent);
  return text;
}

std::string by_row(const std::vector<DetectionRow>& rows) {
  std::string text =
      "\n| Row | Finding expected | Found | Control clean | Time to detection (median) | "
      "|\n|---|---|--:|--:|--:|---|\n";
  for (const DetectionRow& row : rows) {
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", markdown_cell(row.id), findings_text(row),
                        text_of(row.found()), text_of(row.clean()), time_text(row),
                        row.is_as_expected() ? "as expected" : "**not as expected**");
  }
  return text +
         "\nTime to detection ends when all the findings named had been seen. It begins when a fault first acted, in "
         "rows whose runs have one; otherwise with the run, whose guest comes up first. A `limit` is judged when the "
         "run ends.\n";
}

std::string otherwise_text(const DetectionPoint& point) {
  std::vector<std::string> endings;
  for (const auto& [ending, runs] : point.otherwise) endings.push_back(fmt::format("{} ×{}", ending, runs));
  if (point.skipped > 0) endings.push_back(fmt::format("skipped ×{}", point.skipped));
  return markdown_cell(fmt::format("{}", fmt::join(endings, ", ")));
}

std::string by_point(const std::vector<DetectionRow>& rows) {
  std::string text =
      "\n## Point by point\n\n| Row | Scenario | Point | Expected | As expected | Otherwise "
      "|\n|---|---|---|---|--:|---|\n";
  for (const DetectionRow& row : rows) {
    for (const DetectionPoint& point : row.points) {
      const std::string findings =
          point.findings.empty() ? "any finding" : fmt::format("{}", fmt::join(point.findings, ", "));
      text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", markdown_cell(row.id), markdown_cell(point.scenario),
                          markdown_cell(point.point), point.has_defect ? findings : "clean", text_of(point.tally),
                          otherwise_text(point));
    }
  }
  return text;
}

std::string render_detection(const CampaignResult& campaign) {
  const std::vector<DetectionRow> rows = detection_rows(campaign.runs);
  return heading(campaign, rows) + by_row(rows) + by_point(rows);
}

ordered_json to_json(const Tally& tally) { return {{"good", tally.good}, {"runs", tally.runs}}; }

ordered_json to_json(const DetectionPoint& point) {
  return {{"scenario", point.scenario},  {"point", point.point},          {"defect", point.has_defect},
          {"findings", point.findings},  {"tally", to_json(point.tally)}, {"skipped", point.skipped},
          {"otherwise", point.otherwise}};
}

ordered_json to_json(const DetectionRow& row) {
  ordered_json points = ordered_json::array();
  for (const DetectionPoint& point : row.points) points.push_back(to_json(point));
  bool since_fault = false;
  ordered_json time;
  if (const std::optional<double> median = row.median_ms(since_fault)) {
    time = {{"median_ms", *median}, {"since", since_fault ? "fault" : "start"}};
  }
  return {{"row", row.id},
          {"as_expected", row.is_as_expected()},
          {"findings", row.findings()},
          {"found", to_json(row.found())},
          {"clean", to_json(row.clean())},
          {"time_to_detection", time},
          {"points", std::move(points)}};
}

std::string render_detection_json(const CampaignResult& campaign) {
  const std::vector<DetectionRow> rows = detection_rows(campaign.runs);
  ordered_json listed = ordered_json::array();
  for (const DetectionRow& row : rows) listed.push_back(to_json(row));
  const auto booted = std::ranges::find_if(campaign.runs, [](const RunResult& run) { return !run.accel.empty(); });
  const bool known = booted != campaign.runs.end();
  const ordered_json report{
      {"schema", 1},
      {"tool", campaign.tool},
      {"notes", campaign.notes},
      {"campaign", campaign.campaign},
      {"started", campaign.started},
      {"seconds", campaign.seconds},
      {"host", campaign.host},
      {"accel", known ? booted->accel : ""},
      {"guest_kernel", known ? booted->guest_kernel : ""},
      {"as_expected", as_expected(rows) == rows.size() && !rows.empty() && campaign.unfinished == 0},
      {"unfinished", campaign.unfinished},
      {"rows", std::move(listed)}};
  return report.dump(2) + "\n";
}

const FormatRegistration markdown{
    {"detection", "which defects of a catalogue were found, for people", render_detection}};
const FormatRegistration json{{"detection-json", "the same for programs", render_detection_json}};

}  // namespace
}  // namespace snaphammer::report
