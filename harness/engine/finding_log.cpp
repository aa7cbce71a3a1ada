#include "harness/engine/finding_log.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace snaphammer::engine {

void FindingLog::add(const report::Finding& finding) {
  if (!file_.is_open()) file_.open(path_, std::ios::app);
  file_ << nlohmann::json{{"id", finding.id},
                          {"oracle", finding.oracle},
                          {"message", finding.message},
                          {"evidence", finding.evidence}}
               .dump()
        << '\n'
        << std::flush;

  const auto same = std::find_if(findings_.begin(), findings_.end(), [&](const report::Finding& known) {
    return known.id == finding.id && known.oracle == finding.oracle;
  });
  if (same == findings_.end()) {
    report::Finding first = finding;
    first.evidence = {{"examples", nlohmann::json::array({finding.evidence})}, {"all", path_.filename().string()}};
    findings_.push_back(std::move(first));
    return;
  }
  same->count += finding.count;
  nlohmann::json& examples = same->evidence["examples"];
  if (examples.size() < kExamples) examples.push_back(finding.evidence);
}

void FindingLog::explain(const report::Finding& finding, const std::string& message, const nlohmann::json& evidence) {
  for (report::Finding& known : findings_) {
    if (known.id != finding.id || known.oracle != finding.oracle) continue;
    known.message += message;
    known.evidence.update(evidence);
  }
}

}  // namespace snaphammer::engine
