// An oracle watches a run from outside the guest and reports findings. One oracle is one file:
//
//   class KernelLog final : public Oracle {
//     Async<void> check(engine::RunContext& run) override;      // run.report({...}) for each finding
//   };
//   const OracleRegistration<KernelLog> registration{{"kernel-log", "Reads the guest kernel's log.", {"kernel-fault"}}};
#pragma once

#include <memory>
#include <vector>

#include "harness/scenario/kinds.h"
#include "lib/base/async.h"

namespace snaphammer::engine {
class RunContext;
}

namespace snaphammer::oracles {

class Oracle {
 public:
  virtual ~Oracle() = default;
  /// Looks now, whatever state the guest is in, and reports what is new since its last look. An error says that it
  /// could not look: the run is then inconclusive.
  virtual Async<void> check(engine::RunContext& run) = 0;
  /// The guest was booted or restored and has become healthy: before the next step. An error as above.
  virtual Async<void> became_healthy(engine::RunContext&) { return completed(Result<void>()); }
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
