// PageServer: serves one restored VM's memory over userfaultfd, from a PageSource.
//
//   SNAP_ASSIGN(auto server, PageServer::start({.socket = "/run/x/uffd.sock", .source = snapshot.memory(),
//                                               .on_event = [&](const ServerEvent& e) { asio::post(io, ...); }}));
//   ... start the VMM with that socket as its hand-off; it runs; stop it ...
//   server->stop();                       // joins every thread; the destructor does it too
//
// start() binds and listens; the VMM's hand-off (Firecracker's format) is awaited, checked and served by threads
// of the server's own. All functions may be called from any thread, except that on_event must not call back.
// Stop the VM before the server: a guest whose page server is gone freezes at its next fault, or, when the VMM
// kept no copy of the userfaultfd, silently reads zeros.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"
#include "lib/uffd/event_gate.h"
#include "lib/uffd/fault_queue.h"
#include "lib/uffd/handoff_listener.h"
#include "lib/uffd/page_source.h"
#include "lib/uffd/page_tracker.h"
#include "lib/uffd/policy.h"
#include "lib/uffd/stats.h"
#include "lib/uffd/trace.h"
#include "lib/uffd/userfaultfd.h"

namespace snaphammer::uffd {

struct ServerEvent {
  enum class Kind {
    kHandedOff,   ///< The hand-off was accepted; faults are served from now on.
    kFailed,      ///< There was no valid hand-off, or the kernel refused the server: `error`. It has ended.
    kPageFailed,  ///< A page could not be had, repeatedly: `error`. A fault on it stays unresolved.
    kPrefetched,  ///< Prefetch has come to its end.
    kVmGone,      ///< The VMM's memory no longer exists. The server has ended.
    kStopped,     ///< stop() was called; nothing follows.
  };
  Kind kind;
  std::optional<Error> error = {};
};

struct PageServerOptions {
  Policy policy = {};
  /// The Unix socket to listen on; a stale one is replaced, and it is removed once a VMM has connected.
  std::filesystem::path socket = {};
  /// Instead of that: one that listens already, for a VMM that was started ahead.
  std::optional<HandoffListener> listener = {};
  std::shared_ptr<const PageSource> source;
  /// Ranges of zeros are taken out of the userfaultfd, but for small ones: the kernel fills them, as after a boot, and
  /// nobody hears of their faults and REMOVEs. To page_states() they are removed.
  bool zeros_to_kernel = false;
  /// For Prefetch::kWorkingSet: what working_set() of an earlier restore returned.
  std::vector<Extent> working_set = {};
  /// How many events the trace keeps; 0: as many as 1/512 of the guest's RAM holds.
  std::size_t trace_events = 0;
  /// Called on the server's threads, one call at a time. Must return soon.
  std::function<void(const ServerEvent&)> on_event = {};
};

using Standstill = std::unique_lock<EventGate>;

class PageServer {
 public:
  static Result<std::unique_ptr<PageServer>> start(PageServerOptions options);
  ~PageServer();

  /// Ends serving and prefetch, and joins all threads: bounded by one read of the source. Idempotent.
  void stop();

  /// Makes every thread of the server stand still, as SIGSTOP does a process, until resume(): nothing is read or served.
  void suspend();
  void resume();

  /// Returns when every event that can be read now has been applied and every fault read so far has been
  /// resolved or given up; kTimeout after `limit`. Blocks. For the moment before a snapshot, with vCPUs stopped.
  Result<void> drain(Duration limit);

  /// Nothing is read, installed or prefetched while the result lives, so page_states() stays true. kTimeout after `limit`,
  /// when an installation does not end. Blocks; the result ends on the thread that asked. For the time in which guest
  /// memory is copied, with vCPUs stopped.
  Result<Standstill> stand_still(Duration limit) const;

  Stats stats() const;
  /// Faults that were read and never resolved.
  std::vector<UnresolvedFault> unresolved_faults(Duration older_than) const;
  /// All that wait, by the kernel's own count: also those that a server which has stopped reading never hears of. None
  /// before the hand-off.
  Result<WaitingFaults> waiting_faults() const;
  /// Where every page of the memory file stands, ascending, without gaps; one missing run before the hand-off.
  /// Missing pages still have the source's content; the others have what is in guest RAM, where a hole is zeros.
  std::vector<StateRun> page_states() const;
  /// The ranges that the guest asked for, in order of first touch, plus what was prefetched as its working set.
  std::vector<Extent> working_set() const;
  /// What happened, oldest first.
  std::vector<TraceEvent> trace() const;

 private:
  class Impl;
  explicit PageServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace snaphammer::uffd
