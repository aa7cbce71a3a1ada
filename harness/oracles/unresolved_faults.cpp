// unresolved-faults: no page fault of the guest, and no REMOVE, may wait for ever.
#include "harness/engine/run_context.h"
#include "harness/engine/unserved_memory.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

class UnresolvedFaults final : public Oracle {
 public:
  Async<void> check(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(std::vector<report::Finding> found, co_await engine::look_for_unserved_memory(run.sandbox()));
    for (report::Finding& finding : found) run.report(std::move(finding));
    co_return Result<void>();
  }
};

const OracleRegistration<UnresolvedFaults> kRegistration{
    {engine::kUnresolvedFaults,
     "Looks for page faults that the page-fault handler has read and never resolved, or does not read, and for REMOVE "
     "events that it does not read.",
     {"hang"}}};

}  // namespace
}  // namespace snaphammer::oracles
