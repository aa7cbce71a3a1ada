// Clones: further guests of a run, all started from one snapshot at once, side by side with the run's own guest.
//
//   Clones clones(executor, backend, config, guest_sources, paths);
//   CO_SNAP_ASSIGN(std::vector<Clone> started, co_await clones.start(snapshot, 2));   // healthy
//   co_await clones.end();                                                            // always, before it is destroyed
//
// Each has its own VMM, vsock door, page server, identity and logs (clone-1, clone-2 ... below the run's); the snapshot
// is only read. The first thing that each does is to draw random bytes, many times a few: a generator that goes on from the
// same state gives the same ones, perhaps some draws earlier or later. Then a workload that draws is asked what it drew.
// One io_context thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/engine/draws.h"
#include "harness/engine/guest_sources.h"
#include "harness/engine/run_paths.h"
#include "lib/sandbox/sandbox.h"

namespace snaphammer::engine {

struct Clone {
  std::string name;
  Result<sandbox::RestoreReport> restored;
  std::vector<Draw> draws;
  std::vector<agent::Finding> findings;  ///< Of workloads that were asked what they drew.
};

class Clones {
 public:
  Clones(asio::any_io_executor executor, vmm::Backend& backend, sandbox::SandboxConfig config, GuestSources& sources,
         const RunPaths& paths)
      : executor_(std::move(executor)),
        backend_(backend),
        config_(std::move(config)),
        sources_(sources),
        paths_(paths) {}

  /// Starts `count` more and returns when each is healthy, or has failed to become so.
  Async<std::vector<Clone>> start(snapshot::Snapshot from, unsigned count);
  /// Ends all of them.
  Awaitable<void> end();

 private:
  Result<sandbox::Sandbox*> add();
  Awaitable<void> bring_up(sandbox::Sandbox& guest, const snapshot::Snapshot& from, Clone& clone) const;

  asio::any_io_executor executor_;
  vmm::Backend& backend_;
  sandbox::SandboxConfig config_;
  GuestSources& sources_;
  const RunPaths& paths_;
  std::vector<std::unique_ptr<sandbox::Sandbox>> guests_;
};

}  // namespace snaphammer::engine
