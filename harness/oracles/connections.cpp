// connection-lost, hang: what became of the connections that the run's clients hold.
#include "harness/engine/run_context.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

class Connections final : public Oracle {
 public:
  Async<void> check(engine::RunContext& run) override {
    std::vector<report::Finding> found = co_await run.connections().look();
    for (report::Finding& finding : found) run.report(std::move(finding));
    co_return Result<void>();
  }
};

const OracleRegistration<Connections> kRegistration{
    {"connections",
     "Looks at the connections of `connect` and `proxy.flood`: those that must live, and those that must die.",
     {"connection-lost", "hang"}}};

}  // namespace
}  // namespace snaphammer::oracles
