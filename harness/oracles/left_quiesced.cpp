// left-quiesced: a guest that is up must not stand still for a snapshot that is over.
#include "harness/engine/run_context.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

constexpr Duration kAnswerLimit = std::chrono::seconds(20);

class LeftQuiesced final : public Oracle {
 public:
  Async<void> check(engine::RunContext& run) override {
    if (run.sandbox().state() != sandbox::State::kRunning || run.quiesced_by_step()) co_return Result<void>();
    auto health = co_await with_deadline(kAnswerLimit, "health", run.sandbox().health());
    // A guest that does not answer is what other oracles and the steps are for.
    if (!health || !health->quiesced) co_return Result<void>();
    run.report({.id = "left-quiesced",
                .oracle = "left-quiesced",
                .message = "the guest runs and is still prepared for a snapshot: its workloads stand still",
                .evidence = {{"generation", health->generation}, {"uptime_s", to_ms(health->uptime) / 1000}}});
    co_return Result<void>();
  }
};

const OracleRegistration<LeftQuiesced> kRegistration{
    {"left-quiesced", "Asks a running guest whether it is still quiesced.", {"left-quiesced"}}};

}  // namespace
}  // namespace snaphammer::oracles
