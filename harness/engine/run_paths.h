// Where one run finds and leaves its things. Made by the campaign, given to the worker.
#pragma once

#include <filesystem>

#include "harness/engine/caches.h"
#include "harness/engine/installation.h"

namespace snaphammer::engine {

struct RunPaths {
  /// Kept: logs, traces, evidence. Exists, absolute; holds plan.json, and result.json at the end.
  std::filesystem::path artifacts;
  /// Gone after the run, however it ends: sockets. Exists, private (0700), and short enough for a
  /// socket name of 40 characters in it.
  std::filesystem::path runtime = {};
  Caches caches = {};
  Installation installation = {};

  std::filesystem::path plan() const { return artifacts / "plan.json"; }
  std::filesystem::path result() const { return artifacts / "result.json"; }
  /// The run's snapshot store.
  std::filesystem::path snapshots() const { return artifacts / "snapshots"; }
  /// The worker's own log.
  std::filesystem::path log() const { return artifacts / "worker.log"; }
  /// What the worker wrote to its standard output and error: nothing, unless something broke.
  std::filesystem::path output() const { return artifacts / "worker-output.log"; }
};

}  // namespace snaphammer::engine
