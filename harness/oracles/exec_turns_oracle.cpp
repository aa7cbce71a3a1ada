// exec-turns: commands that run at once take their turn, not more.
#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/oracles/exec_turns.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

class ExecTurnsOracle final : public Oracle {
 public:
  Async<void> check(engine::RunContext& run) override {
    if (run.exec_turns().size() == judged_) co_return Result<void>();
    judged_ = run.exec_turns().size();
    const auto broken = broken_turns(run.exec_turns());
    if (!broken) co_return Result<void>();
    run.report(
        {.id = "limit",
         .oracle = "exec-turns",
         .message = fmt::format("the slowest of commands at once takes {:.2f} times its turn (median of {}), more "
                                "than {}",
                                broken->median, broken->samples, broken->limit),
         .evidence = {{"limit", broken->limit},
                      {"median", broken->median},
                      {"least", broken->least},
                      {"most", broken->most},
                      {"samples", broken->samples}}});
    co_return Result<void>();
  }

 private:
  std::size_t judged_ = 0;
};

const OracleRegistration<ExecTurnsOracle> kRegistration{
    {"exec-turns", "Judges what exec_stress steps with a limit have measured, over the whole run.", {"limit"}}};

}  // namespace
}  // namespace snaphammer::oracles
