// BringUp: takes a guest whose vCPUs run to healthy: output connection, init, health check, first exec.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/agent/protocol.h"
#include "lib/base/async.h"
#include "lib/sandbox/budgets.h"
#include "lib/sandbox/incarnation.h"
#include "lib/sandbox/sequence.h"

namespace snaphammer::sandbox {

struct BringUpOptions {
  std::function<void()> on_healthy = {};  ///< Called before those who wait() know.
  Duration budget_ready{};                ///< After a third of it the transport reset of a restore is taken to be lost.
  Duration budget_init{};
  Budgets budgets = Budgets::kSeparate;
  bool deflate = false;   ///< Give the guest back what a pause took from it.
  bool set_clock = true;  ///< The wall clock of `init` is filled in when it is sent.
  agent::InitRequest init;
};

/// Runs by itself from start() on, at most for the budgets, and keeps itself meanwhile; ending the incarnation ends it. All
/// waiters get the same outcome.
class BringUp : public std::enable_shared_from_this<BringUp> {
 public:
  BringUp(const asio::any_io_executor& executor, Incarnation& incarnation, BringUpOptions options,
          PhaseObserver* observer);

  void start();
  bool done() const { return done_.is_set(); }
  bool healthy() const { return done() && outcome_.result.has_value(); }
  /// Returns the outcome once there is one.
  Async<void> wait();
  /// Of the phases so far.
  const std::vector<PhaseTiming>& timings() const { return outcome_.timings; }
  /// When the last phase ended.
  TimePoint ended_at() const { return ended_at_; }

 private:
  Awaitable<void> run();
  Async<void> ready();
  Async<void> init();
  Async<void> init_within_budget();
  Async<void> health();
  Async<void> first_exec();
  /// Makes `call`, again when it failed because a transport reset came in between: they must bear being repeated.
  template <class T, class Call>
  Async<T> over_resets(Call call);

  asio::any_io_executor executor_;
  Incarnation& incarnation_;
  BringUpOptions options_;
  PhaseObserver* observer_;
  Event done_;
  SequenceOutcome outcome_;
  TimePoint started_;
  TimePoint ended_at_;
};

}  // namespace snaphammer::sandbox
