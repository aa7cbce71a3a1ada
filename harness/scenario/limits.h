// Limits on what a run measures; breaking one is a finding `limit`.
//
//   limits:
//     restore_to_healthy: {p50: 500ms, max: 3s}
//
// What can be limited is a catalogue: a measure is a name and a function that takes its samples from a run's result.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/report/results.h"
#include "harness/scenario/catalog.h"
#include "harness/scenario/fields.h"

namespace snaphammer::scenario {

struct MeasureKind {
  static constexpr std::string_view kNoun = "measure";
  std::string name;
  std::string summary;
  std::string taken_by;            ///< The steps without which a run has no sample of it, in words;
  std::vector<std::string> steps;  ///< of these names it has one at least.
  std::vector<double> (*samples_ms)(const report::RunResult& result);
};

/// Upper bounds on statistics of one measure.
struct Limit {
  std::optional<Duration> mean, p50, p90, p99, max;
  Position where = {};  ///< Of the measure's name.
};
void describe(Fields<Limit>& fields);

struct Limits {
  std::map<std::string, Limit> by_measure;
};
template <>
struct Codec<Limits> {
  static bool read(Reader& reader, const Node& node, Limits& limits);
  static nlohmann::json write(const Limits& limits);
  static TypeInfo info();
};

/// One finding `limit` for each bound that the run broke. A measure without a sample breaks none.
std::vector<report::Finding> check_limits(const Limits& limits, const report::RunResult& result);

/// A measure that is limited and of which the run has no sample, so that nothing is known of it; and what would take one.
std::optional<std::string> unmeasured_limit(const Limits& limits, const report::RunResult& result);

}  // namespace snaphammer::scenario
