// The search for a smaller scenario that still does what a run did. What "still does" means, and how often that is tried,
// is the caller's: it runs each candidate.
//
//   SNAP_ASSIGN(const Shrunk shrunk, shrink(plan, [&](const RunPlan& candidate, const std::string& what) { ... }));
//   if (shrunk.came_back) write(file, shrunk.plan.source->text);
//
// A candidate is the run's own point with something left out, written as a scenario of its own and loaded again; one that
// is not valid is never tried, and none is tried twice. First values of the matrix are left out, then what
// smaller_variants() names, the result of each cut being the base of the next, until no single cut is left that works.
#pragma once

#include <functional>
#include <string>

#include "harness/scenario/plan.h"

namespace snaphammer::scenario {

enum class Trial {
  kCameBack,
  kGone,
  kNoMore,  ///< It could not be tried, and nothing more can: the search ends with what it has.
};
/// `what`: how the candidate differs from the last one that came back. An error ends the search.
using TryCandidate = std::function<Result<Trial>(const RunPlan& candidate, const std::string& what)>;

struct Shrunk {
  RunPlan plan;            ///< One run of a scenario without a matrix; its source has the scenario's text.
  bool came_back = false;  ///< With nothing left out: without that, there is nothing to search for.
  bool complete = false;   ///< No single cut is left that works.
  std::size_t cuts = 0;    ///< Those that worked.
};

/// Fails with kInvalid when the stored scenario cannot be read by this build.
Result<Shrunk> shrink(const RunPlan& plan, const TryCandidate& attempt);

}  // namespace snaphammer::scenario
