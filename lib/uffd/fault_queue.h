// FaultQueue: the faults that were read and are not resolved, each page once, and who serves them.
//
//   queue.add(address, now);                              // by whoever reads; never waits
//   while (auto fault = queue.next()) {                   // also by whoever reads: what is at hand is served at once,
//     if (!at_hand(*fault)) queue.set_aside(fault->address);    // what must be waited for is left to a worker
//     else if (serve(*fault)) queue.resolved(fault->address);
//   }
//   for (auto fault = queue.begin_serving(); fault;       // takes one of `workers` slots, when something was set aside
//        fault = queue.next_set_aside()) {                // gives the slot back when there is no more
//     if (serve(*fault)) queue.resolved(fault->address);
//   }
//
// Its length is bounded by the guest's pages, and in fact by the threads that can fault. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::uffd {

struct Fault {
  std::uint64_t address = 0;
  TimePoint since;            ///< When it was read.
  unsigned examinations = 0;  ///< How often it was put off so far.
};

/// A fault that was read and has not been resolved.
struct UnresolvedFault {
  std::uint64_t address = 0;  ///< In the VMM.
  Duration age{};
  std::optional<Error> error = {};  ///< Why, when the server gave it up.
};

class FaultQueue {
 public:
  explicit FaultQueue(unsigned workers) : workers_(workers) {}

  /// Notes a fault. One that waits already is not noted twice; one that is being served will be looked at again.
  void add(std::uint64_t address, TimePoint now);

  /// The next fault that nobody has looked at.
  std::optional<Fault> next();
  /// Leaves a fault that next() returned to a worker.
  void set_aside(std::uint64_t address);
  /// Takes a slot and a fault for it, if something was set aside and a slot is free: who gets a slot has something to do.
  std::optional<Fault> begin_serving();
  /// The next fault for a worker; nullopt when there is none, and the caller's slot is free again.
  std::optional<Fault> next_set_aside();

  /// What became of a fault that next(), begin_serving() or next_set_aside() returned.
  void resolved(std::uint64_t address);
  void defer(std::uint64_t address);
  void failed(std::uint64_t address, Error error);

  /// Whether faults were deferred and not put back yet.
  bool has_deferred() const;
  /// Makes deferred faults ready to be served again.
  void retry_deferred();

  /// Returns true once no fault waits or is being served (failed ones don't count), false at `deadline` or when
  /// interrupted.
  bool wait_until_quiet(TimePoint deadline);
  /// Returns once no fault is ready or being served (deferred ones don't count), or when interrupted.
  void wait_until_served();
  /// Makes waiting end, now and later.
  void interrupt();

  std::vector<UnresolvedFault> unresolved(Duration older_than) const;

 private:
  enum class Status { kQueued, kServing, kDeferred, kFailed };
  struct Entry {
    TimePoint since;
    Status status = Status::kQueued;
    bool again = false;  // Read once more while it was being served.
    unsigned examinations = 0;
    std::optional<Error> error = {};
  };

  std::optional<Fault> take_locked(std::deque<std::uint64_t>& from);
  void serve_again_locked(std::uint64_t address, Entry& entry);
  void leave_locked();

  const unsigned workers_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::deque<std::uint64_t> ready_;      // For who reads.
  std::deque<std::uint64_t> set_aside_;  // For workers.
  std::vector<std::uint64_t> deferred_;
  unsigned serving_ = 0;       // Slots taken.
  std::size_t unsettled_ = 0;  // Entries that have not failed.
  bool interrupted_ = false;
};

}  // namespace snaphammer::uffd
