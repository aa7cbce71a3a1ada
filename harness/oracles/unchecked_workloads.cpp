// unchecked-workloads: no run passes with a workload that ended, or has found something, only because no step checked it.
#include "harness/engine/run_context.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

/// For a list, or for all that one workload has to say; the worker's time after the run's timeout is longer.
constexpr Duration kAnswerLimit = std::chrono::seconds(20);
/// For the list of a guest that may be silent on purpose.
constexpr Duration kLastLimit = std::chrono::seconds(2);

class UncheckedWorkloads final : public Oracle {
 public:
  bool asks_guest() const override { return true; }
  Async<void> check(engine::RunContext& run) override {
    if (run.workloads().empty() || run.sandbox().state() != sandbox::State::kRunning) return completed(Result<void>());
    return ask(run, kAnswerLimit);
  }
  Async<void> last_words(engine::RunContext& run) override { return ask(run, kLastLimit); }

 private:
  static Async<void> ask(engine::RunContext& run, Duration limit) {
    CO_SNAP_ASSIGN(const std::vector<agent::WorkloadInfo> there,
                   co_await with_deadline(limit, "workloads", run.sandbox().workloads()));
    for (const agent::WorkloadInfo& workload : there) {
      if (run.workloads().contains(workload.as) && has_news(workload, run))
        CO_SNAP_TRY(co_await hear(run, workload.as));
    }
    co_return Result<void>();
  }
  // That it has ended, a check may have said already.
  static bool has_news(const agent::WorkloadInfo& workload, const engine::RunContext& run) {
    return workload.undelivered_bytes > 0 || (workload.end.ended() && run.findings().empty());
  }
  static Async<void> hear(engine::RunContext& run, std::string as) {
    auto heard = co_await with_deadline(kAnswerLimit, "check " + as, run.check_workload(as));
    if (run.findings().empty()) co_return heard;
    co_return Result<void>();
  }
};

const OracleRegistration<UncheckedWorkloads> kRegistration{
    {"unchecked-workloads",
     "Checks the workloads that have ended, or found something, since their last check: at the run's end, and, while "
     "no "
     "fault acts, before a step stops or replaces their guest.",
     {"unhealthy", "stale-page", "lost-write", "heap-corruption", "not-unique", "clock-skew", "leak", "hang"}}};

}  // namespace
}  // namespace snaphammer::oracles
