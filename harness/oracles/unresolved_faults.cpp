// unresolved-faults: no page fault of the guest may wait for ever.
#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

// A fault is served in microseconds, and in milliseconds while the host is busy.
constexpr Duration kBound = std::chrono::seconds(2);

class UnresolvedFaults final : public Oracle {
 public:
  Async<void> check(engine::RunContext& run) override {
    sandbox::Incarnation* const incarnation = run.sandbox().incarnation();
    if (incarnation == nullptr || incarnation->page_server() == nullptr) co_return Result<void>();
    for (const uffd::UnresolvedFault& fault : incarnation->page_server()->unresolved_faults(kBound)) {
      run.report({.id = "hang",
                  .oracle = "unresolved-faults",
                  .message = fmt::format("a page fault at {:#x} of the VMM has been waiting for {:.0f} ms",
                                         fault.address, to_ms(fault.age)),
                  .evidence = {{"address", fault.address},
                               {"age_ms", to_ms(fault.age)},
                               {"error", fault.error ? fault.error->describe() : std::string()}}});
    }
    co_return Result<void>();
  }
};

const OracleRegistration<UnresolvedFaults> kRegistration{
    {"unresolved-faults", "Looks for page faults that the page server has read and never resolved.", {"hang"}}};

}  // namespace
}  // namespace snaphammer::oracles
