// What a scenario expects of its runs, and whether a run was as expected.
//
//   expect:
//     - when: {runtime.uffd.on_remove: ignore}     # the first entry that matches the point decides
//       verdict: fail
//       findings: [stale-page]                      # each at least once, and no others
//     - verdict: pass                               # otherwise; and it is the default
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/report/results.h"
#include "harness/scenario/fields.h"

namespace snaphammer::scenario {

using report::Verdict;
void describe(Choices<Verdict>& words);

/// The point's value at `path` is this, or one of these when it is a list.
struct Condition {
  std::string path;
  Position where;
  Node value;
};
struct When {
  std::vector<Condition> conditions;  ///< All must hold.
};
template <>
struct Codec<When> {
  static bool read(Reader& reader, const Node& node, When& when);
  static nlohmann::json write(const When& when);
  static TypeInfo info();
};

struct Expectation {
  When when;
  Verdict verdict = Verdict::kPass;
  /// Exactly these kinds of findings. Without it a fail may have any, and every other verdict has none.
  std::optional<std::vector<std::string>> findings;
};
void describe(Fields<Expectation>& fields);

/// Records entries that can never decide: everything after one without a `when`.
void check_reachable(Reader& reader, const Node* list, const std::vector<Expectation>& entries);

struct Judgement {
  bool expected = false;
  std::string reason;  ///< When not: "expected a pass, got fail: stale-page".
};
/// Pure: compares verdict and finding ids.
Judgement judge(const Expectation& expectation, const report::RunResult& result);

}  // namespace snaphammer::scenario
