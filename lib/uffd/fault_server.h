// FaultServer: reads the events of one VM's memory and serves its faults, on as many threads as call run().
//
//   FaultServer server({memory, source, policy, ...});
//   SNAP_TRY(server.open());
//   std::thread a([&] { server.run(); }), b([&] { server.run(); }), c(...);   // policy.workers + 1 of them
//
// One thread at a time waits for events and reads them. It serves at once, without a change of threads, each fault
// whose page is at hand; when there are others it hands the reading over and becomes a worker until none is left. At
// most policy.workers threads are workers at a time, and there is one thread more than that, so somebody is always free
// to read, however slow the source is. Everything referred to outlives it.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "lib/base/result.h"
#include "lib/uffd/event_waiter.h"
#include "lib/uffd/fault_queue.h"
#include "lib/uffd/guest_memory.h"
#include "lib/uffd/source_reader.h"
#include "lib/uffd/stop_signal.h"
#include "lib/uffd/working_set.h"

namespace snaphammer::uffd {

class FaultServer {
 public:
  struct Parts {
    GuestMemory& memory;
    const PageSource& source;
    const Policy& policy;
    WorkingSet& working_set;
    Counters& counters;
    Trace& trace;
    StopSignal& stop;
    std::function<void(const Error&)> on_page_failed;
  };
  explicit FaultServer(Parts parts) : parts_(std::move(parts)), queue_(parts_.policy.workers) {}

  /// Must succeed once before run().
  Result<void> open() { return waiter_.open(parts_.memory.fd(), parts_.stop.fd()); }
  /// One thread's work. Returns when stopped, when the VM is gone, or with the error that makes serving impossible;
  /// the latter two stop the other threads.
  Result<void> run();

  /// See PageServer::drain().
  Result<void> drain(Duration limit);

  FaultQueue& queue() { return queue_; }
  bool vm_gone() const { return vm_gone_.load(std::memory_order_acquire); }
  /// Notes that the VM's memory is gone, and stops everything.
  void note_vm_gone();

 private:
  /// What a thread has of its own.
  struct Hand {
    SourceReader reader;
    Duration pause;  ///< Before deferred faults are examined again.
    std::vector<MemoryEvent> events = {};
    bool events_went_on = false;  ///< The last look found some: the next one need not wait for them.
  };
  Hand new_hand() const;
  bool is_over() const { return parts_.stop.is_set() || parts_.memory.ended(); }
  Result<void> loop();
  Result<void> take_turn(Hand& hand);
  /// Reads and applies what can be read; whether that was anything.
  Result<bool> read_all(Hand& hand, TimePoint deadline);
  void note_fault(const MemoryEvent& event, TimePoint now);
  void serve_what_is_at_hand(Hand& hand);
  /// As a worker: `first`, which came with its slot, and all others.
  void serve_what_was_set_aside(const Fault& first, Hand& hand);
  /// Whether a page can be installed without waiting for its bytes; nothing is known of a fault outside of memory.
  bool is_at_hand(const PageView& page, SourceReader& reader, TimePoint now) const;
  /// `page` is what is at the fault's address, or was a moment ago.
  void serve(const Fault& fault, std::optional<PageView> page, SourceReader& reader);
  struct Resolution {
    Outcome outcome;
    bool zeros;  // Rather than bytes of the source.
  };
  Result<Resolution> resolve(const Fault& fault, const PageView& page, SourceReader& reader);
  Result<Outcome> install(const Fault& fault, const PageView& page, std::span<const std::byte> bytes);
  void settle(const Fault& fault, const PageView& page, TraceKind kind);
  void put_off(const Fault& fault);
  void give_up(const Fault& fault, Error error);

  Parts parts_;
  EventWaiter waiter_;
  std::mutex reading_;  // Held by the thread that reads; the others wait for it.
  FaultQueue queue_;
  std::atomic<bool> vm_gone_ = false;
};

}  // namespace snaphammer::uffd
