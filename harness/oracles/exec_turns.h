// Whether commands that run at once get their share of a guest's vCPUs.
//
//   if (const auto broken = broken_turns(run.exec_turns())) ...       // {.limit = 1.5, .median = 4.9, .samples = 100}
#pragma once

#include <optional>
#include <vector>

#include "harness/engine/exec_turns.h"

namespace snaphammer::oracles {

struct BrokenTurns {
  double limit;
  double median;  ///< Of the multiples that have this limit.
  double least;
  double most;
  std::size_t samples;
};

/// For the first limit, in the order of the samples, that the median of its samples is above. A single sample is its own
/// median; what a busy host does to some of many is none of the guest's doing.
std::optional<BrokenTurns> broken_turns(const std::vector<engine::ExecTurns>& turns);

}  // namespace snaphammer::oracles
