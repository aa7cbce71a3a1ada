// FaultServer: reads the events of one VM's memory and serves its faults, on as many threads as call run().
//
//   FaultServer server(memory, source, policy, ...);
//   std::thread a([&] { server.run(); }), b([&] { server.run(); }), c(...);   // policy.workers + 1 of them
//
// Every thread reads; whoever has read serves, if one of the policy.workers slots is free. So a fault is served
// without a change of threads, at most `workers` are served at a time, and since there is one thread more than
// slots, somebody is always free to read on, however slow the source is. Everything referred to outlives it.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "lib/base/result.h"
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
  SourceReader make_reader() const;
  Result<void> loop();
  Result<void> read_all(SourceReader& reader, TimePoint deadline);
  void note_fault(const MemoryEvent& event, TimePoint now);
  void serve_queued(SourceReader& reader);
  void serve(const Fault& fault, SourceReader& reader);
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
  FaultQueue queue_;
  std::atomic<bool> vm_gone_ = false;
};

}  // namespace snaphammer::uffd
