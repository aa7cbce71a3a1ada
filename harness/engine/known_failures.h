// known.yaml: failures that are known and not yet mended. A run that fails as an entry says does not fail its campaign; an
// entry whose runs have become as expected is reported, so that it is taken out.
//
//   version: 1
//   known:
//     - runs: "stale-*,on_remove=ignore"          # as --filter takes it
//       finding: stale-page
//       reason: the page server forgets removes across a reconnect
//       link: https://example.org/issues/12
//
//   LoadedKnownFailures loaded = load_known_failures("known.yaml");
//   if (!loaded.diagnostics.empty()) { std::cerr << format(loaded.diagnostics); return 2; }
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/engine/selection.h"
#include "harness/report/results.h"
#include "harness/scenario/diagnostic.h"
#include "harness/scenario/plan.h"

namespace snaphammer::engine {

struct KnownFailure {
  Filter runs;
  std::string finding;
  std::string reason;
  std::string link;   ///< May be empty.
  std::string place;  ///< "known.yaml:3:5"
};

class KnownFailures {
 public:
  KnownFailures() = default;
  explicit KnownFailures(std::vector<KnownFailure> entries) : entries_(std::move(entries)) {}

  /// Why a run that was not as expected is a known failure, for RunResult::known; empty when it is none. It is one when
  /// there is an entry for each of its findings: something new beside something known is new.
  std::string explain(const scenario::RunPlan& plan, const report::RunResult& result) const;

  /// One line for each entry that has had its day: some of its runs ended as expected, and in none was its finding seen.
  /// `results[i]` is of `plans[i]`; runs that have not finished are null.
  std::vector<std::string> outdated(const std::vector<scenario::RunPlan>& plans,
                                    const std::vector<const report::RunResult*>& results) const;

 private:
  std::vector<KnownFailure> entries_;
};

struct LoadedKnownFailures {
  KnownFailures failures;
  std::vector<scenario::Diagnostic> diagnostics;  ///< All that is wrong with the file, with line and column.
};
LoadedKnownFailures load_known_failures(const std::filesystem::path& file);

}  // namespace snaphammer::engine
