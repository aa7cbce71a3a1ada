// ExecTurns: how long commands that ran at once took, against their turn: what the same commands would take one after
// another on the guest's vCPUs, by a single one measured right afterwards.
//
//   run.exec_turns().push_back({.parallel = 10, .slowest = 120ms, .single = 20ms, .vcpus = 2, .limit = 1.5});
//
// Plain values: a step measures, an oracle judges all of a run's together, since each alone is at the host's mercy.
#pragma once

#include <algorithm>

#include "lib/base/units.h"

namespace snaphammer::engine {

struct ExecTurns {
  unsigned parallel = 1;  ///< Commands at once.
  Duration slowest{};     ///< Of them.
  Duration single{};      ///< A command by itself.
  unsigned vcpus = 1;     ///< Of the guest.
  double limit = 1;       ///< For multiple().

  /// `slowest` in turns.
  double multiple() const {
    const double in_turn = std::max(1.0, static_cast<double>(parallel) / vcpus);
    return to_ms(slowest) / (in_turn * to_ms(single));
  }
};

}  // namespace snaphammer::engine
