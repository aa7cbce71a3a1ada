#include "harness/oracles/exec_turns.h"

#include <algorithm>

namespace snaphammer::oracles {

std::optional<BrokenTurns> broken_turns(const std::vector<engine::ExecTurns>& turns) {
  for (const engine::ExecTurns& first : turns) {
    std::vector<double> multiples;
    for (const engine::ExecTurns& sample : turns) {
      if (sample.limit == first.limit) multiples.push_back(sample.multiple());
    }
    std::sort(multiples.begin(), multiples.end());
    const double median = multiples[(multiples.size() - 1) / 2];
    if (median <= first.limit) continue;
    return BrokenTurns{.limit = first.limit,
                       .median = median,
                       .least = multiples.front(),
                       .most = multiples.back(),
                       .samples = multiples.size()};
  }
  return std::nullopt;
}

}  // namespace snaphammer::oracles
