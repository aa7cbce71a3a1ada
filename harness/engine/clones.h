// Clones: further guests of a run, all started from one snapshot at once, side by side with the run's own guest.
//
//   Clones clones(executor, backend, config, guest_sources, paths);
//   CO_SNAP_ASSIGN(std::vector<Clone> started, co_await clones.start(snapshot, 2));   // healthy
//   const Result<void> looked = co_await clones.look(Clones::Ask::kNews, found);      // what has become of them
//   co_await clones.end();                                                            // always, before it is destroyed
//
// Each has its own VMM, vsock door, page server, identity and logs (clone-1, clone-2 ... below the run's); the snapshot
// is only read. The first thing that each does is to draw random bytes, many times a few: a generator that goes on from the
// same state gives the same ones, perhaps some draws earlier or later. Then a workload that draws is asked what it drew.
// One io_context thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/engine/draws.h"
#include "harness/engine/guest_sources.h"
#include "harness/engine/guest_symbols.h"
#include "harness/engine/run_paths.h"
#include "harness/report/results.h"
#include "lib/base/task_group.h"
#include "lib/sandbox/sandbox.h"

namespace snaphammer::engine {

struct Clone {
  std::string name;
  Result<sandbox::RestoreReport> restored = Error(ErrorKind::kCancelled, "cut short");
  bool was_ended = false;              ///< By Clones::end(), before it was healthy.
  std::string finding = "unhealthy";   ///< What it is when it failed otherwise.
  std::optional<std::string> hung_at;  ///< Of one that failed, when it could still be looked at: see hang_diagnosis.h.
  std::vector<Draw> draws;
  std::vector<agent::Finding> findings;  ///< Of workloads that were asked what they drew.
};

class Clones {
 public:
  Clones(asio::any_io_executor executor, vmm::Backend& backend, sandbox::SandboxConfig config, GuestSources& sources,
         GuestSymbols& symbols, const RunPaths& paths);
  ~Clones();

  /// Starts `count` more and returns when each is healthy, or has failed to become so. `boot` is the boot of the snapshot's
  /// guest, by which its kernel's functions are known. kRefused while they are being ended.
  Async<std::vector<Clone>> start(snapshot::Snapshot from, unsigned count, std::string boot);
  enum class Ask {
    kNews,       ///< What workloads have found by themselves.
    kEverything  ///< Their verdicts: each verifies all that it has. One after the other.
  };
  /// What has come to light since the last look: kernels that complain, guests that have ended or do not answer, workloads
  /// that have ended or found something, page servers that have died. kUnfit when a VMM has ended by itself; `found` then
  /// has what was found all the same.
  Async<void> look(Ask ask, std::vector<report::Finding>& found);
  /// What the page servers of those that are there have done, by the clones' names.
  std::map<std::string, uffd::Stats> page_server_stats() const;
  /// Those that were started and not ended.
  std::size_t count() const { return guests_.size(); }
  /// Ends all of them.
  Awaitable<void> end();

 private:
  class Guest;
  using Guests = std::vector<std::shared_ptr<Guest>>;
  Result<std::shared_ptr<Guest>> add(const std::string& boot);

  asio::any_io_executor executor_;
  vmm::Backend& backend_;
  sandbox::SandboxConfig config_;
  GuestSources& sources_;
  GuestSymbols& symbols_;
  const RunPaths& paths_;
  TaskGroup ends_;
  Guests guests_;  ///< Whoever is at work on them while they are ended has them, too.
};

}  // namespace snaphammer::engine
