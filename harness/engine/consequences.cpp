#include "harness/engine/consequences.h"

#include <algorithm>
#include <optional>
#include <set>

#include "harness/engine/hang_diagnosis.h"
#include "harness/engine/unserved_memory.h"
#include "harness/oracles/kernel_log.h"

namespace snaphammer::engine {
namespace {

bool is_cause(const report::Finding& finding) { return finding.id == "hang" && finding.oracle == kUnresolvedFaults; }

const nlohmann::json& examples_of(const report::Finding& finding) { return finding.evidence.at("examples"); }

// A workload's may be of any form.
std::string life_of(const nlohmann::json& example) {
  return example.is_object() ? example.value(kLife, std::string()) : std::string();
}

std::set<std::string> lives_of(const report::Finding& finding) {
  std::set<std::string> lives;
  for (const nlohmann::json& example : examples_of(finding)) lives.insert(life_of(example));
  return lives;
}

// Its other vCPUs wait for the one that hangs.
bool is_stall(const report::Finding& finding, const nlohmann::json& example) {
  return finding.oracle == oracles::kKernelLog && oracles::is_stall(example.at("kind").get<std::string>());
}

// What those of many say that are not shown nobody knows.
bool follows_from(const report::Finding& cause, const report::Finding& finding) {
  const nlohmann::json& examples = examples_of(finding);
  const std::set<std::string> hung = lives_of(cause);
  return finding.count == examples.size() &&
         std::all_of(examples.begin(), examples.end(), [&](const nlohmann::json& example) {
           return hung.contains(life_of(example)) && (says_no_answer(finding) || is_stall(finding, example));
         });
}

void add_consequence(report::Finding& cause, const report::Finding& finding) {
  nlohmann::json told = {
      {"id", finding.id}, {"oracle", finding.oracle}, {"message", finding.message}, {"count", finding.count}};
  if (finding.at_ms) told["at_ms"] = *finding.at_ms;
  cause.evidence["consequences"].push_back(std::move(told));
  for (const char* const key : {kWhere, kDiagnosis}) {
    const auto seen = finding.evidence.find(key);
    if (seen != finding.evidence.end()) cause.evidence.emplace(key, *seen);
  }
}

}  // namespace

std::vector<report::Finding> with_consequences(std::vector<report::Finding> findings) {
  const auto found = std::find_if(findings.begin(), findings.end(), is_cause);
  if (found == findings.end()) return findings;
  report::Finding cause = *found;
  std::vector<report::Finding> told;
  std::optional<std::size_t> first;  // Where the cause or a consequence was found first.
  for (report::Finding& finding : findings) {
    const bool follows = !is_cause(finding) && follows_from(cause, finding);
    if (follows) add_consequence(cause, finding);
    if (!follows && !is_cause(finding)) {
      told.push_back(std::move(finding));
    } else if (!first) {
      first = told.size();
    }
  }
  told.insert(told.begin() + static_cast<std::ptrdiff_t>(*first), std::move(cause));
  return told;
}

}  // namespace snaphammer::engine
