// JUnit XML as CI systems read it: one suite per scenario, one case per run, seed and reproduce command as properties.
#include <cctype>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/report/reporter.h"
#include "harness/report/summary_table.h"

namespace snaphammer::report {
namespace {

/// XML 1.0 allows no control characters, escaped or not.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\n':
        result += "&#10;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return result;
}

std::string property(std::string_view name, std::string_view value) {
  return fmt::format("        <property name=\"{}\" value=\"{}\"/>\n", name, escaped(value));
}

/// Why a run was not as expected: an element of JUnit's, or nothing.
std::string outcome(const RunResult& run) {
  const std::string reason = run.message.empty() ? std::string(name_of(run.verdict)) : run.message;
  std::string details;
  for (const Finding& finding : run.findings) {
    details += fmt::format("{} ({}, {} times): {}\n", finding.id, finding.oracle, finding.count, finding.message);
  }
  if (run.expected) return {};
  if (!run.known.empty()) return fmt::format("      <skipped message=\"known: {}\"/>\n", escaped(run.known));
  if (run.verdict == Verdict::kSkipped) return fmt::format("      <skipped message=\"{}\"/>\n", escaped(reason));
  const bool is_failure = run.verdict == Verdict::kPass || run.verdict == Verdict::kFail;
  const char* element = is_failure ? "failure" : "error";
  return fmt::format("      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n", element, name_of(run.verdict),
                     escaped(reason), escaped(details + "reproduce: " + run.reproduce));
}

std::string test_case(const RunResult& run) {
  std::string text = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\">\n", escaped(run.scenario),
                                 escaped(run.id), run.seconds);
  text += "      <properties>\n";
  text += property("seed", std::to_string(run.seed));
  text += property("verdict", name_of(run.verdict));
  for (const auto& [path, value] : run.point) {
    text += property("point." + path, value.is_string() ? value.get<std::string>() : value.dump());
  }
  text += property("reproduce", run.reproduce);
  if (run.is_flaky()) text += property("flaky", run.attempts.front().message);
  text += "      </properties>\n";
  return text + outcome(run) + "    </testcase>\n";
}

/// The counts that JUnit keeps for a suite and for the whole.
struct Counts {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  double seconds = 0;
};
Counts count(const std::vector<RunResult>& runs, std::string_view scenario) {
  std::vector<RunResult> own;
  Counts counts;
  for (const RunResult& run : runs) {
    if (!scenario.empty() && run.scenario != scenario) continue;
    counts.seconds += run.seconds;
    own.push_back(run);
  }
  const Summary summary = summarize(own);
  counts.tests = summary.total;
  counts.failures = summary.unexpected;
  counts.errors = summary.inconclusive + summary.error;
  counts.skipped = summary.skipped + summary.known;
  return counts;
}
std::string attributes(const Counts& counts) {
  return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\"", counts.tests,
                     counts.failures, counts.errors, counts.skipped, counts.seconds);
}

}  // namespace

std::string render_junit(const CampaignResult& campaign) {
  std::vector<std::string> scenarios;
  for (const RunResult& run : campaign.runs) {
    if (std::find(scenarios.begin(), scenarios.end(), run.scenario) == scenarios.end())
      scenarios.push_back(run.scenario);
  }
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format("<testsuites name=\"snaphammer\" {}>\n", attributes(count(campaign.runs, {})));
  for (const std::string& scenario : scenarios) {
    const Counts counts = count(campaign.runs, scenario);
    text += fmt::format("  <testsuite name=\"{}\" timestamp=\"{}\" {}>\n", escaped(scenario), escaped(campaign.started),
                        attributes(counts));
    for (const RunResult& run : campaign.runs) {
      if (run.scenario == scenario) text += test_case(run);
    }
    text += "  </testsuite>\n";
  }
  return text + "</testsuites>\n";
}

namespace {
const FormatRegistration registration{{"junit", "JUnit XML, for CI systems", render_junit}};
}

}  // namespace snaphammer::report
