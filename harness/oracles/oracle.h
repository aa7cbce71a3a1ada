// An oracle watches a run from outside the guest and reports findings. One oracle is one file:
//
//   class KernelLog final : public Oracle {
//     Async<void> check(engine::RunContext& run) override;      // run.report({...}) for each finding
//   };
//   const OracleRegistration<KernelLog> registration{{"kernel-log", "Reads the guest kernel's log.", {"kernel-fault"}}};
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/scenario/kinds.h"
#include "lib/base/async.h"
#include "lib/base/units.h"

namespace snaphammer::engine {
class RunContext;
}

namespace snaphammer::oracles {

/// A workload that has become ready.
struct StartedWorkload {
  std::string workload;
  std::string as;
  nlohmann::json args;  ///< Canonical, those for the harness included.
};

class Oracle {
 public:
  virtual ~Oracle() = default;
  /// Looks now, whatever state the guest is in, and reports what is new since its last look. An error says that it
  /// could not look: the run is then inconclusive.
  virtual Async<void> check(engine::RunContext& run) = 0;
  /// Whether check() asks the guest: then it is called only when that has just answered a health check, run.health(). That
  /// a guest which runs does not answer is nobody else's business: see RunContext::check_oracles().
  virtual bool asks_guest() const { return false; }
  /// The guest was booted or restored and has become healthy: before the next step. An error as above.
  virtual Async<void> became_healthy(engine::RunContext&) { return completed(Result<void>()); }

  // What happens in the run, for oracles that have something to do then. Errors as above.
  virtual Async<void> workload_started(engine::RunContext&, const StartedWorkload&) {
    return completed(Result<void>());
  }
  /// It is still there, and will not be when the step is done.
  virtual Async<void> workload_stops(engine::RunContext&, std::string /*as*/) { return completed(Result<void>()); }
  /// `frozen`: what the guest did before is in the snapshot of that name.
  virtual void snapshot_taken(const std::string& /*id*/, TimePoint /*frozen*/) {}
  /// A step is about to end or stop the guest, which runs and has workloads: perhaps the last chance to ask it. An error
  /// says that it could not be asked, which need not mean anything.
  virtual Async<void> last_words(engine::RunContext&) { return completed(Result<void>()); }
  /// The guest that is there now is about to end; one of a snapshot may follow.
  virtual void guest_leaves() {}
  /// The guest of that snapshot runs, or could not be started.
  virtual Awaitable<void> restore_ended(std::string /*id*/) { co_return; }
  /// The run is about to end, or another guest to be booted: nothing that was done in this one can come back.
  virtual Awaitable<void> guest_forgotten() { co_return; }
};

using MakeOracle = std::unique_ptr<Oracle> (*)();

/// Those of every oracle that is linked in.
std::vector<MakeOracle>& oracle_makers();

template <class T>
struct OracleRegistration {
  explicit OracleRegistration(scenario::OracleKind kind) {
    scenario::Catalog<scenario::OracleKind>::of().add(std::move(kind));
    oracle_makers().push_back([]() -> std::unique_ptr<Oracle> { return std::make_unique<T>(); });
  }
};

}  // namespace snaphammer::oracles
