// handler: who serves a guest's page faults must not end while the guest lives.
#include <algorithm>

#include "harness/engine/handler_finding.h"
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
    const std::string id = engine::finding_of_handler_error(failure->error);
    const std::vector<report::Finding> findings = run.findings().findings();
    const bool known = std::any_of(findings.begin(), findings.end(),
                                   [&id](const report::Finding& finding) { return finding.id == id; });
    if (!known)
      run.report(
          {.id = id, .oracle = "handler", .message = failure->error.describe(), .evidence = nlohmann::json::object()});
    co_return Result<void>();
  }
};

const OracleRegistration<Handler> kRegistration{
    {"handler", "Watches who serves the guest's page faults.", {"handler-died", "snapshot-corrupt"}}};

}  // namespace
}  // namespace snaphammer::oracles
