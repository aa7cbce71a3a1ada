// What a snapshot is asked for, and how a pause and a restore went.
//
//   CO_SNAP_ASSIGN(const PauseReport pause, co_await sandbox.snapshot(store, {.id = "s2", .parent = "s1"}));
//   results["downtime_ms"] = to_ms(pause.downtime);
//
// Plain values.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/base/units.h"
#include "lib/sandbox/sequence.h"

namespace snaphammer::sandbox {

struct SnapshotOptions {
  std::string id;
  bool resume = true;  ///< Let the source go on afterwards.
  /// Store only what differs from this snapshot of the same store; empty: all of memory.
  std::string parent = {};
  nlohmann::json metadata = nlohmann::json::object();
};

struct PauseReport {
  std::string snapshot;
  TimePoint frozen_at{};  ///< What the guest had done before is in the snapshot.
  Duration downtime{};    ///< How long the vCPUs stood still; to the end of the sequence when they stay so.
  std::vector<PhaseTiming> phases;
  ByteCount bytes = 0;  ///< Of memory, stored.
};

struct RestoreReport {
  std::string from;
  Duration to_healthy{};  ///< From the request to the first exec that answered.
  std::vector<PhaseTiming> phases;
};

}  // namespace snaphammer::sandbox
