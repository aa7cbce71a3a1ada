// Named places in the code where a test or a fault can stop, delay, fail or kill what passes.
//
//   Failpoint after_read("uffd.after_read");  // at namespace scope, in the file that it is in
//   ...
//   SNAP_TRY(after_read.hit());
//
//   ScopedFailpoint guard("uffd.after_read", [&] { barrier.arrive_and_wait(); return Result<void>(); });
//
// A failpoint that nobody armed costs one relaxed atomic load. Any thread may hit one; arming and disarming
// is thread-safe, and ~ScopedFailpoint returns only when no thread is inside its action.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace snaphammer {

class Failpoint {
 public:
  /// What happens at the failpoint; an error is returned to the code that hit it. May block.
  using Action = std::function<Result<void>()>;

  /// Registers it under `name`, which is unique in the program.
  explicit Failpoint(std::string name);
  Failpoint(const Failpoint&) = delete;
  Failpoint& operator=(const Failpoint&) = delete;

  Result<void> hit() {
    if (!armed_.load(std::memory_order_relaxed)) return {};
    return act();
  }
  std::string_view name() const { return name_; }

  /// All failpoints of the program, by name.
  static std::vector<std::string_view> names();

 private:
  friend class ScopedFailpoint;
  Result<void> act();

  const std::string name_;
  std::atomic<bool> armed_ = false;
  std::shared_mutex mutex_;  // Held shared inside an action, exclusively while the action changes.
  Action action_;
};

/// Arms a failpoint for its own lifetime. An unknown name, or one armed already, ends the program: it is a
/// mistake in a test. Users' names are checked against Failpoint::names() before they get here.
class ScopedFailpoint {
 public:
  ScopedFailpoint(std::string_view name, Failpoint::Action action);
  ~ScopedFailpoint();
  ScopedFailpoint(const ScopedFailpoint&) = delete;
  ScopedFailpoint& operator=(const ScopedFailpoint&) = delete;

  /// How often it has acted so far.
  std::uint64_t hits() const { return hits_.load(); }

 private:
  Failpoint* failpoint_;
  std::atomic<std::uint64_t> hits_ = 0;
};

}  // namespace snaphammer
