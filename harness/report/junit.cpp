// JUnit XML as CI systems read it. Each run is a suite of its own with one case: the schemas that they check against
// (Jenkins' xUnit plugin, Surefire, Ant) let suites have properties, which are the seed and the command that reproduces
// it, but not cases. The case's class is the scenario.
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
  return fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, escaped(value));
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

std::string properties(const RunResult& run) {
  std::string text = "    <properties>\n";
  text += property("seed", std::to_string(run.seed));
  text += property("verdict", name_of(run.verdict));
  for (const auto& [path, value] : run.point) {
    text += property("point." + path, value.is_string() ? value.get<std::string>() : value.dump());
  }
  text += property("reproduce", run.reproduce);
  if (run.is_flaky()) text += property("flaky", run.attempts.front().message);
  return text + "    </properties>\n";
}

std::string test_case(const RunResult& run) {
  return fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\">\n{}    </testcase>\n",
                     escaped(run.scenario), escaped(run.id), run.seconds, outcome(run));
}

/// What JUnit counts in a suite and in the whole; `more_errors` are of no run.
std::string counts(const std::vector<RunResult>& runs, std::size_t more_errors = 0) {
  const Summary summary = summarize(runs);
  double seconds = 0;
  for (const RunResult& run : runs) seconds += run.seconds;
  return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\"", summary.total + more_errors,
                     summary.unexpected, summary.inconclusive + summary.error + more_errors, seconds);
}

std::string suite(const RunResult& run, const std::string& started) {
  const Summary summary = summarize({run});
  return fmt::format("  <testsuite name=\"{}\" timestamp=\"{}\" {} skipped=\"{}\">\n", escaped(run.id),
                     escaped(started), counts({run}), summary.skipped + summary.known) +
         properties(run) + test_case(run) + "  </testsuite>\n";
}

/// What is not there would look as good as passed to whoever counts failures: an error of its own.
std::string incomplete_suite(const CampaignResult& campaign) {
  return fmt::format(
      "  <testsuite name=\"campaign\" timestamp=\"{}\" {} skipped=\"0\">\n"
      "    <properties/>\n    <testcase classname=\"campaign\" name=\"is complete\" time=\"0.000\">\n"
      "      <error type=\"incomplete\" message=\"{}\"/>\n    </testcase>\n  </testsuite>\n",
      escaped(campaign.started), counts({}, 1), missing_runs(campaign));
}

}  // namespace

std::string render_junit(const CampaignResult& campaign) {
  const bool is_incomplete = campaign.unfinished > 0;
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format("<testsuites name=\"snaphammer\" {}>\n", counts(campaign.runs, is_incomplete ? 1 : 0));
  for (const RunResult& run : campaign.runs) text += suite(run, campaign.started);
  if (is_incomplete) text += incomplete_suite(campaign);
  return text + "</testsuites>\n";
}

namespace {
const FormatRegistration registration{{"junit", "JUnit XML, for CI systems", render_junit}};
}

}  // namespace snaphammer::report
