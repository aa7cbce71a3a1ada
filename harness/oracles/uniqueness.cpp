// uniqueness: what guests that come from one snapshot draw at random must differ.
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

/// For what one workload has drawn.
constexpr Duration kAnswerLimit = std::chrono::seconds(20);

class Uniqueness final : public Oracle {
 public:
  // Also of a guest that does not answer, of which earlier lives have told.
  Async<void> check(engine::RunContext& run) override {
    const bool answers = run.health() != nullptr && run.sandbox().state() == sandbox::State::kRunning;
    if (answers) CO_SNAP_TRY(co_await ask(run));
    const std::vector<engine::Draw>& draws = run.draws();
    for (; looked_at_ < draws.size(); ++looked_at_) look(run, draws[looked_at_]);
    co_return Result<void>();
  }
  Async<void> workload_started(engine::RunContext&, const StartedWorkload& workload) override {
    if (workload.workload == engine::kDrawingWorkload) drawing_.insert(workload.as);
    co_return Result<void>();
  }
  Async<void> last_words(engine::RunContext& run) override { return ask(run); }

 private:
  // What they drew in this life of the guest, which no step may ask for.
  Async<void> ask(engine::RunContext& run) {
    for (const std::string& as : drawing_) {
      if (!run.workloads().contains(as)) continue;
      CO_SNAP_TRY(co_await with_deadline(kAnswerLimit, "check " + as, run.check_workload(as)));
    }
    co_return Result<void>();
  }

  // One finding for a guest, however much of what it drew was drawn before.
  void look(engine::RunContext& run, const engine::Draw& draw) {
    std::vector<std::string> shared;
    std::string first;
    for (const std::string& bytes : draw.values) {
      const auto [known, is_new] = drawn_by_.try_emplace(bytes, draw.guest);
      if (is_new || known->second == draw.guest) continue;
      first = known->second;
      shared.push_back(bytes);
    }
    if (shared.empty()) return;
    run.report(
        {.id = "not-unique",
         .oracle = "uniqueness",
         .message = fmt::format("{} of the {} times that {} drew from {} it got what {} had got, for instance {}",
                                shared.size(), draw.values.size(), draw.guest, draw.source, first, shared.front()),
         .evidence = {{"guests", {first, draw.guest}},
                      {"source", draw.source},
                      {"drawn", draw.values.size()},
                      {"shared", shared}}});
  }

  std::set<std::string> drawing_;  // By `as`.
  std::size_t looked_at_ = 0;
  std::map<std::string, std::string> drawn_by_;
};

const OracleRegistration<Uniqueness> kRegistration{{"uniqueness",
                                                    "Compares what guests of one snapshot draw at random: clones from "
                                                    "their kernels, and the workload entropy, which is "
                                                    "asked in each life of its guest.",
                                                    {"not-unique"}}};

}  // namespace
}  // namespace snaphammer::oracles
