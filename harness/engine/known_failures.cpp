#include "harness/engine/known_failures.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "harness/engine/atomic_file.h"
#include "harness/scenario/document.h"
#include "harness/scenario/fields.h"
#include "harness/scenario/kinds.h"
#include "harness/scenario/reader.h"

namespace snaphammer::engine {
namespace {

using scenario::Fields;
using scenario::Node;
using scenario::Reader;

// The file as it is written.
struct Entry {
  std::string runs;
  std::string finding;
  std::string reason;
  std::string link;
  scenario::Position where;
};
void describe(Fields<Entry>& fields) {
  fields.add("runs", &Entry::runs, "The runs that are known to fail, as --filter takes them.").required();
  fields.add("finding", &Entry::finding, "What is found in them.")
      .required()
      .in_catalog(scenario::Catalog<scenario::FindingKind>::lookup());
  fields.add("reason", &Entry::reason, "Why that is so.").required();
  fields.add("link", &Entry::link, "Where it is followed up.");
  fields.rule([](Entry& entry, Reader& reader, const Node& node) {
    entry.where = node.where;
    if (const Result<Filter> filter = Filter::parse(entry.runs); !filter) {
      reader.fail(*node.find("runs"), filter.error().message(), filter.error().advice());
    }
    if (entry.reason.find_first_not_of(" \n") == std::string::npos) {
      reader.fail(*node.find("reason"), "the reason is empty", "say why the failure is known");
    }
  });
}

struct File {
  unsigned version = 1;
  std::vector<Entry> known;
};
void describe(Fields<File>& fields) {
  fields.add("version", &File::version, "Of this format.").required().between(1, 1);
  fields.add("known", &File::known, "The known failures.").required();
}

bool has_finding(const report::RunResult& result, const std::string& id) {
  return std::ranges::any_of(result.findings, [&](const report::Finding& finding) { return finding.id == id; });
}

}  // namespace

std::string KnownFailures::explain(const scenario::RunPlan& plan, const report::RunResult& result) const {
  if (result.expected || result.verdict != report::Verdict::kFail) return {};
  std::set<std::string> reasons;
  for (const report::Finding& finding : result.findings) {
    const auto entry = std::ranges::find_if(
        entries_, [&](const KnownFailure& known) { return known.finding == finding.id && known.runs.matches(plan); });
    if (entry == entries_.end()) return {};
    reasons.insert(entry->link.empty() ? entry->reason : fmt::format("{} ({})", entry->reason, entry->link));
  }
  return fmt::format("{}", fmt::join(reasons, "; "));
}

std::vector<std::string> KnownFailures::outdated(const std::vector<scenario::RunPlan>& plans,
                                                 const std::vector<const report::RunResult*>& results) const {
  std::vector<std::string> lines;
  for (const KnownFailure& entry : entries_) {
    std::size_t as_expected = 0;
    bool seen = false;
    for (std::size_t i = 0; i < plans.size(); ++i) {
      if (results[i] == nullptr || !entry.runs.matches(plans[i])) continue;
      seen |= has_finding(*results[i], entry.finding);
      as_expected += results[i]->expected && !results[i]->is_flaky() ? 1 : 0;
    }
    if (seen || as_expected == 0) continue;
    lines.push_back(
        fmt::format("{}: known failure '{}' was not seen: {} of its runs ended as expected; take it out "
                    "when it is mended",
                    entry.place, entry.finding, as_expected));
  }
  return lines;
}

LoadedKnownFailures load_known_failures(const std::filesystem::path& file) {
  const Result<std::string> text = read_file(file, scenario::kMaxFileBytes);
  if (!text) return {{}, {{file.string(), {}, "read the known failures: " + text.error().message(), "", ""}}};
  const scenario::Document document = scenario::parse_document(file.string(), *text);
  if (!document.diagnostics.empty()) return {{}, document.diagnostics};
  Reader reader(file.string(), *text, {});
  File stored;
  scenario::Codec<File>::read(reader, document.root, stored);
  if (!reader.diagnostics().empty()) return {{}, reader.diagnostics()};
  std::vector<KnownFailure> entries;
  for (Entry& entry : stored.known) {
    entries.push_back({Filter::parse(entry.runs).value(), std::move(entry.finding), std::move(entry.reason),
                       std::move(entry.link),
                       fmt::format("{}:{}:{}", file.string(), entry.where.line, entry.where.column)});
  }
  return {KnownFailures(std::move(entries)), {}};
}

}  // namespace snaphammer::engine
