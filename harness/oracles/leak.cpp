// leak: descriptors, threads, processes and memory must not grow with every cycle, neither in the guest nor around it.
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "harness/engine/run_context.h"
#include "harness/oracles/leak_trend.h"
#include "harness/oracles/oracle.h"
#include "lib/base/process_use.h"

namespace snaphammer::oracles {
namespace {

constexpr Duration kAnswerLimit = std::chrono::seconds(20);
constexpr double kLeastCount = 5;                            // Of things that can be counted, over the whole run.
constexpr double kLeastMemory = static_cast<double>(4_MiB);  // Of the agent, whose heap is small.

// What is measured each time, of one place.
struct Gauge {
  const char* what;
  double value;
  double least = kLeastCount;
};

// What the scenario itself has at this moment. Having more of it takes more, and is no leak.
std::string company_in(engine::RunContext& run) {
  return fmt::format("{} workloads, {} clones, {} connections", run.workloads().size(), run.clones().count(),
                     run.connections().open_count());
}

class Leak final : public Oracle {
 public:
  // Samples of different moments and company are different series: a guest that was just restored is not one at work.
  Async<void> became_healthy(engine::RunContext& run) override { return sample(run, "after each restore"); }

  Async<void> check(engine::RunContext& run) override {
    if (run.health() != nullptr) CO_SNAP_TRY(co_await sample(run, "at each check"));
    for (auto& [key, series] : series_) judge(run, series);
    co_return Result<void>();
  }

 private:
  struct Occasion {
    std::string moment;
    std::string company;
  };

  struct Series {
    std::string place;
    std::string what;
    Occasion occasion;
    double least = 0;
    std::vector<double> samples;
    bool reported = false;
  };

  Async<void> sample(engine::RunContext& run, std::string moment) {
    const Occasion now{std::move(moment), company_in(run)};
    if (run.sandbox().state() != sandbox::State::kRunning) co_return Result<void>();
    // A guest that does not answer is what other oracles and the steps are for.
    auto guest = co_await with_deadline(kAnswerLimit, "metrics", run.sandbox().metrics());
    if (!guest) co_return Result<void>();
    add("the guest's agent", now,
        {{"descriptors", static_cast<double>(guest->descriptors)},
         {"threads", static_cast<double>(guest->threads)},
         {"child processes", static_cast<double>(guest->children)},
         {"connections", static_cast<double>(guest->connections)},
         {"bytes of resident memory", static_cast<double>(guest->resident), kLeastMemory}});
    const std::optional<snapshot::Snapshot>& origin = run.sandbox().restored_from();
    add_process("the worker", now, ::getpid(), origin ? origin->memory->older_generations() : 0);
    if (sandbox::Incarnation* const vmm = run.sandbox().incarnation(); vmm != nullptr) {
      add_process("the VMM", now, vmm->vm().pid(), 0);
    }
    co_return Result<void>();
  }

  // `needed`: descriptors that are right and grow with what the scenario does.
  void add_process(const std::string& place, const Occasion& now, pid_t pid, std::size_t needed) {
    const Result<ProcessUse> use = process_use(pid);
    if (!use) return;  // It has just ended.
    add(place, now,
        {{"descriptors", static_cast<double>(use->descriptors) - static_cast<double>(needed)},
         {"threads", static_cast<double>(use->threads)},
         {"child processes", static_cast<double>(use->children)}});
  }

  void add(const std::string& place, const Occasion& now, const std::vector<Gauge>& gauges) {
    for (const Gauge& gauge : gauges) {
      Series& series = series_[{place, gauge.what, now.moment, now.company}];
      series.place = place;
      series.what = gauge.what;
      series.occasion = now;
      series.least = gauge.least;
      series.samples.push_back(gauge.value);
    }
  }

  static void judge(engine::RunContext& run, Series& series) {
    if (series.reported) return;
    const std::optional<Growth> growth = steady_growth(series.samples, series.least);
    if (!growth) return;
    series.reported = true;
    run.report({.id = "leak",
                .oracle = "leak",
                .message = fmt::format("{} of {} grow by {:g} with each cycle, from {:g} to {:g} over {}", series.what,
                                       series.place, growth->per_cycle, series.samples.front(), series.samples.back(),
                                       series.samples.size()),
                .evidence = {{"place", series.place},
                             {"what", series.what},
                             {"sampled", series.occasion.moment},
                             {"beside", series.occasion.company},
                             {"per_cycle", growth->per_cycle},
                             {"samples", series.samples}}});
  }

  std::map<std::tuple<std::string, std::string, std::string, std::string>, Series> series_;
};

const OracleRegistration<Leak> kRegistration{{"leak",
                                              "Looks for what grows with each cycle: descriptors, threads, processes, "
                                              "connections and memory of guest, worker and VMM.",
                                              {"leak"}}};

}  // namespace
}  // namespace snaphammer::oracles
