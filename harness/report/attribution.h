// What a finding depends on: of each factor, which is a key of a scenario's matrix, the share of runs that have the finding
// with each of its values.
//
//   for (const Attribution& one : attribute(campaign.runs)) ... one.factors
//
// Factors are judged one after the other. The one whose values differ most clearly comes first; from then on runs are
// compared only with runs that have the same value of it, and so on, until what is left shows no difference. Two shares
// differ when their confidence intervals (wilson, 95 %) do not overlap: so a few runs prove nothing, and say so.
//
// Pure: of plain data, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/report/results.h"
#include "harness/report/statistics.h"

namespace snaphammer::report {

/// Of `runs`, `found` have the finding.
struct Share {
  std::size_t found = 0;
  std::size_t runs = 0;
  Interval interval() const { return wilson(found, runs); }
};

/// One value of a factor.
struct Level {
  std::string value;
  Share share;
};

/// Runs that differ in one factor and are alike in those that were judged before it.
struct Comparison {
  std::string where;  ///< What they are alike in, as point_label() says it; empty for all runs.
  std::vector<Level> levels;
};

enum class Effect {
  kDecides,      ///< With some values every run has the finding, with all others none.
  kMatters,      ///< Some values differ.
  kNoneSeen,     ///< No values differ.
  kTooFewRuns,   ///< No result of so many runs could have shown a difference.
  kNotToldApart  ///< Its values come only together with values of factors that were judged before.
};
/// "decides", "matters", "none seen", "too few runs", "not told apart".
std::string_view name_of(Effect effect);

struct Factor {
  std::string name;  ///< As point_label() says it.
  Effect effect = Effect::kNoneSeen;
  std::vector<Comparison> comparisons;
};

struct Attribution {
  std::string scenario;
  std::string finding;
  Share all;
  std::size_t not_judged = 0;   ///< Runs that were neither a pass nor a fail: they count for nothing.
  std::vector<Factor> factors;  ///< In the order in which they were judged.
};

/// For each finding of each scenario that has two factors or more of several values; in the runs' order.
std::vector<Attribution> attribute(const std::vector<RunResult>& runs);

/// Tables for a terminal, and for Markdown, with a heading of their own. Empty when there is nothing to attribute.
std::string attribution_table(const std::vector<RunResult>& runs);
std::string attribution_markdown(const std::vector<RunResult>& runs);

}  // namespace snaphammer::report
