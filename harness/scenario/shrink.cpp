#include "harness/scenario/shrink.h"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/scenario/smaller.h"
#include "harness/scenario/yaml_text.h"

namespace snaphammer::scenario {
namespace {

constexpr std::string_view kSuffix = "-shrunk";
constexpr std::size_t kLongestName = 80;

std::string name_for(const std::string& original) {
  return original.substr(0, kLongestName - kSuffix.size()) + std::string(kSuffix);
}

/// The run as a document without a matrix, with these values of its point.
Result<Node> document_of(const RunPlan& plan, const Point& point) {
  Document document = parse_document(plan.source->file, plan.source->text);
  if (!document.diagnostics.empty()) return Error(ErrorKind::kInvalid, "plan: " + format(document.diagnostics));
  Node root = std::move(document.root);
  for (const auto& [path, value] : point) {
    SNAP_TRY(overlay(root, path, {}, node_from_json(value)));
  }
  for (const char* const key : {"matrix", "repeat", "expect"}) root.erase(key);
  root.set({"name", {}}, node_from_json(name_for(plan.scenario->name)));
  root.set({"seed", {}}, node_from_json(plan.seed));
  // The entry has been chosen; what it was chosen by is gone with the matrix.
  Expectation expectation = plan.expectation;
  expectation.when = {};
  if (expectation.verdict != Verdict::kPass || expectation.findings) {
    root.set({"expect", {}}, node_from_json(nlohmann::json::array({Codec<Expectation>::write(expectation)})));
  }
  return root;
}

/// One run, or nothing when the document is not a valid scenario.
std::optional<RunPlan> plan_of(const std::string& file, const std::string& text) {
  const Loaded loaded = load_text(file, text);
  if (!loaded.scenario) return std::nullopt;
  Planned planned = scenario::plan(*loaded.scenario, {});
  if (planned.runs.size() != 1) return std::nullopt;
  return std::move(planned.runs.front());
}

class Search {
 public:
  Search(const RunPlan& plan, const TryCandidate& attempt) : original_(plan), attempt_(attempt) {}

  Result<Shrunk> run() {
    SNAP_ASSIGN(const Node whole, document_of(original_, original_.point));
    SNAP_ASSIGN(shrunk_.came_back, works("all of it", whole));
    if (!shrunk_.came_back) {
      if (tried_.empty()) return Error(ErrorKind::kInvalid, "the run cannot be written as a scenario of its own");
      return std::move(shrunk_);
    }
    SNAP_TRY(drop_values());
    bool found = true;
    while (found && !over_) {
      SNAP_ASSIGN(found, drop_parts());
    }
    shrunk_.complete = !over_;
    return std::move(shrunk_);
  }

 private:
  Result<bool> works(const std::string& what, const Node& root) {
    const std::string text = to_yaml(root);
    if (over_ || known_.contains(text)) return false;
    known_.insert(text);
    std::optional<RunPlan> plan = plan_of(original_.source->file, text);
    if (!plan) return false;
    tried_.insert(text);
    SNAP_ASSIGN(const Trial trial, attempt_(*plan, what));
    over_ = trial == Trial::kNoMore;
    if (trial != Trial::kCameBack) return false;
    shrunk_.plan = *std::move(plan);
    root_ = root;
    return true;
  }

  Result<void> drop_values() {
    Point point = original_.point;
    for (std::size_t i = point.size(); i-- > 0;) {
      Point fewer = point;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      SNAP_ASSIGN(const Node root, document_of(original_, fewer));
      SNAP_ASSIGN(const bool dropped, works("without the matrix's " + point[i].first, root));
      if (!dropped) continue;
      point = std::move(fewer);
      ++shrunk_.cuts;
    }
    return {};
  }

  /// All cuts once; what follows one that worked is cut from what is left. Whether any worked.
  Result<bool> drop_parts() {
    bool any = false;
    std::vector<Variant> variants = smaller_variants(root_);
    for (std::size_t i = 0; i < variants.size() && !over_;) {
      SNAP_ASSIGN(const bool dropped, works(variants[i].what, variants[i].root));
      if (!dropped) {
        ++i;
        continue;
      }
      any = true;
      ++shrunk_.cuts;
      variants = smaller_variants(root_);
    }
    return any;
  }

  const RunPlan& original_;
  const TryCandidate& attempt_;
  Node root_;  ///< Of the smallest that works.
  Shrunk shrunk_;
  std::set<std::string> known_;  ///< Candidates, as text, valid or not;
  std::set<std::string> tried_;  ///< those that were run.
  bool over_ = false;
};

}  // namespace

Result<Shrunk> shrink(const RunPlan& plan, const TryCandidate& attempt) { return Search(plan, attempt).run(); }

}  // namespace snaphammer::scenario
