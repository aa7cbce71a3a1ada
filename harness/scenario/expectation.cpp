#include "harness/scenario/expectation.h"

#include <set>

#include <fmt/format.h>

#include "harness/scenario/kinds.h"

namespace snaphammer::scenario {

using nlohmann::json;

void describe(Choices<Verdict>& words) {
  words.add(Verdict::kPass, "pass", "nothing was found");
  words.add(Verdict::kFail, "fail", "at least one finding");
  words.add(
      Verdict::kInconclusive, "inconclusive",
      "the environment or an oracle failed, a fault never acted, a limit had nothing to judge, or there was no guest");
  words.add(Verdict::kError, "error", "the harness failed");
  words.add(Verdict::kSkipped, "skipped", "a capability is missing");
}

bool Codec<When>::read(Reader& reader, const Node& node, When& when) {
  if (!node.is_map() || node.keys.empty()) return reader.expected(node, info().expects);
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    when.conditions.push_back({node.keys[i].name, node.keys[i].where, node.items[i]});
  }
  return true;
}

json Codec<When>::write(const When& when) {
  if (when.conditions.empty()) return nullptr;
  json map = json::object();
  for (const Condition& condition : when.conditions) map[condition.path] = free_json(condition.value);
  return map;
}

TypeInfo Codec<When>::info() {
  return {"a map from paths of the matrix to values", {{"type", "object"}, {"minProperties", 1}}, {}, {}};
}

void describe(Fields<Expectation>& fields) {
  fields.add("when", &Expectation::when,
             "Points at which this entry decides: each path has the value, or one of a list.");
  fields.add("verdict", &Expectation::verdict, "How the run is to end.");
  fields.add("findings", &Expectation::findings, "What is to be found: each at least once, and nothing else.")
      .in_catalog(Catalog<FindingKind>::lookup());
  fields.rule([](Expectation& entry, Reader& reader, const Node& node) {
    const Node* findings = node.find("findings");
    if (findings == nullptr) return;
    if (entry.verdict != Verdict::kFail && !entry.findings->empty()) {
      reader.fail(*findings, fmt::format("a run that ends with {} has no findings", word_for(entry.verdict)),
                  "write `verdict: fail`");
    }
    if (entry.verdict == Verdict::kFail && entry.findings->empty()) {
      reader.fail(*findings, "a fail has at least one finding", "name it, or leave `findings` out to allow any");
    }
    std::set<std::string> seen;
    for (std::size_t i = 0; i < entry.findings->size(); ++i) {
      const std::string& finding = (*entry.findings)[i];
      if (!seen.insert(finding).second) {
        reader.fail(findings->items[i], fmt::format("finding '{}' is listed twice", finding));
      }
    }
  });
}

void check_reachable(Reader& reader, const Node* list, const std::vector<Expectation>& entries) {
  if (list == nullptr || list->items.size() != entries.size()) return;
  for (std::size_t i = 0; i + 1 < entries.size(); ++i) {
    if (!entries[i].when.conditions.empty()) continue;
    reader.fail(list->items[i + 1], "no run reaches this entry: the one before it has no `when`",
                "put the entry without `when` last");
    return;
  }
}

Judgement judge(const Expectation& expectation, const report::RunResult& result) {
  std::set<std::string> found;
  for (const report::Finding& finding : result.findings) found.insert(finding.id);
  const std::set<std::string> wanted =
      expectation.findings ? std::set<std::string>(expectation.findings->begin(), expectation.findings->end())
                           : std::set<std::string>();
  const bool any_findings = !expectation.findings && expectation.verdict == Verdict::kFail;
  Judgement judgement;
  judgement.expected = result.verdict == expectation.verdict && (any_findings || found == wanted);
  if (judgement.expected) return judgement;
  const auto listed = [](Verdict verdict, const std::set<std::string>& findings) {
    return findings.empty() ? word_for(verdict) : fmt::format("{} ({})", word_for(verdict), fmt::join(findings, ", "));
  };
  judgement.reason =
      fmt::format("expected {}, got {}", listed(expectation.verdict, wanted), listed(result.verdict, found));
  return judgement;
}

}  // namespace snaphammer::scenario
