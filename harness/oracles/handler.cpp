// handler: who serves a guest's page faults must not end while the guest lives.
#include <algorithm>

#include "harness/engine/run_context.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

class Handler final : public Oracle {
 public:
  // An operation that failed for it has reported it already; this is for a run in which none came after.
  Async<void> check(engine::RunContext& run) override {
    const std::optional<sandbox::Failure>& failure = run.sandbox().failure();
    if (!failure || failure->kind != sandbox::Failure::Kind::kHandler) co_return Result<void>();
    const std::vector<report::Finding> findings = run.findings().findings();
    const bool known = std::any_of(findings.begin(), findings.end(),
                                   [](const report::Finding& finding) { return finding.id == "handler-died"; });
    if (!known)
      run.report({.id = "handler-died",
                  .oracle = "handler",
                  .message = failure->error.describe(),
                  .evidence = nlohmann::json::object()});
    co_return Result<void>();
  }
};

const OracleRegistration<Handler> kRegistration{
    {"handler", "Watches who serves the guest's page faults.", {"handler-died"}}};

}  // namespace
}  // namespace snaphammer::oracles
