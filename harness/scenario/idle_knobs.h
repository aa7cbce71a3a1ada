// Knobs that were set to bring a defect back, and in a run had no occasion to.
//
//   for (const std::string& why : idle_knobs(plan.scenario->runtime, result)) reason += "; " + why;
#pragma once

#include <string>
#include <vector>

#include "harness/report/results.h"
#include "harness/scenario/knobs.h"

namespace snaphammer::scenario {

/// One sentence each: "no REMOVE event came after a restore, so uffd.on_remove could not act". Of knobs whose occasions are
/// counted in `result`; an external handler counts nothing.
std::vector<std::string> idle_knobs(const RuntimeKnobs& knobs, const report::RunResult& result);

}  // namespace snaphammer::scenario
