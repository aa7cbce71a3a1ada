// The ids of runs.
#pragma once

#include <cstdint>
#include <string>

#include "harness/scenario/matrix.h"

namespace snaphammer::scenario {

/// "NAME.LABEL.sSEED", of letters, digits and `.=,_-` only, at most 160 characters. Different inputs have different ids: where the
/// label had to be changed to fit, a hash of the point follows it.
std::string run_id(const std::string& scenario, const Point& point, std::uint64_t seed);

}  // namespace snaphammer::scenario
