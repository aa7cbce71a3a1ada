#include <charconv>

#include <fmt/format.h>

#include "harness/cli/campaign_command.h"
#include "harness/cli/command.h"
#include "harness/cli/planning.h"
#include "harness/engine/journal.h"
#include "harness/engine/shard_choice.h"

namespace snaphammer::cli {
namespace {

class RunCommand : public Command {
 public:
  std::string name() const override { return "run"; }

  void declare(CLI::App& app) override {
    app.description("Run scenarios: every combination of their matrices, with fresh or given seeds");
    app.add_option("PATH", planning_.paths, "Scenario files, or directories to search for *.yaml");
    CLI::Option* const resume =
        app.add_option("--resume", options_.resume,
                       "Continue the campaign in this directory: run what its journal lacks. Refused when its "
                       "scenarios have changed; PATH says where they are now")
            ->type_name("DIR");
    app.add_option("--filter", planning_.filters,
                   "Only runs that match: part of an id, pattern* of a name, tag:NAME, KEY=VALUE of the matrix; "
                   "commas mean and, ! inverts; given more than once, any of them")
        ->expected(1)
        ->take_all()
        ->excludes(resume);
    app.add_option("--shard", planning_.shard,
                   "I/N: only every Nth run, from the Ith; auto or auto/N: as the job scheduler says "
                   "(Buildkite, GitLab, Slurm arrays; a GitHub matrix that sets STRATEGY_JOB_INDEX and "
                   "STRATEGY_JOB_TOTAL; with /N Kubernetes indexed jobs)")
        ->excludes(resume);
    app.add_option("--seed", planning_.seed, "First seed of every scenario, instead of the scenario's own")
        ->check(CLI::Validator(
            [](const std::string& text) {
              std::uint64_t seed = 0;
              const auto read = std::from_chars(text.data(), text.data() + text.size(), seed);
              const bool good = read.ec == std::errc() && read.ptr == text.data() + text.size();
              return good ? std::string() : "'" + text + "' is no whole number from 0 to 18446744073709551615";
            },
            "NUMBER"))
        ->excludes(resume);
    app.add_option("--repeat", planning_.repeat, "Runs per point, instead of the scenario's own")
        ->check(CLI::Range(1u, 1'000'000u))
        ->excludes(resume);
    app.add_option("--known", planning_.known,
                   "A file of known failures, which do not fail the campaign: see the example below")
        ->type_name("FILE")
        ->excludes(resume);
    app.add_option("--retry", planning_.retries,
                   "Try a run that is not as expected up to this many times more; if it is then, it is flaky")
        ->check(CLI::Range(0u, 100u))
        ->excludes(resume);
    CLI::Option* const fast = app.add_flag("--fail-fast", options_.fail_fast, "Stop after the first unexpected run");
    app.add_flag("--keep-going", keep_going_, "Run all of them, whatever comes (default)")->excludes(fast);
    options_.declare(app);
    resume->excludes(app.get_option("--out"));
    resume->excludes(app.get_option("--note"));
    app.footer(
        "\nExamples:\n"
        "  snaphammer run scenarios/smoke\n"
        "  snaphammer run scenarios --filter tag:uffd,on_remove=ignore --repeat 20 -j 4\n"
        "  snaphammer run scenarios --shard 2/5 --out results --report junit=results.xml\n"
        "  snaphammer run my.yaml --report json=- | jq .summary\n"
        "  snaphammer run --resume snaphammer-out/20260131-235959-4f1c\n"
        "\nA file of known failures (--known):\n"
        "  version: 1\n"
        "  known:\n"
        "    - runs: \"stale-*,on_remove=ignore\"     # as --filter takes it\n"
        "      finding: stale-page\n"
        "      reason: the page server forgets removes\n"
        "      link: https://example.org/issues/12\n"
        "\nCtrl-C ends the workers in an orderly way and keeps what has finished; a second one kills them.");
  }

  Result<int> run(Session& session) override {
    if (!options_.resume.empty()) {
      SNAP_TRY(plan_as_before());
    } else if (planning_.paths.empty()) {
      return Error(ErrorKind::kInvalid, "PATH is required").advise("see `snaphammer run --help`");
    } else {
      planning_.random_seed = scenario::fresh_seed();
      if (!planning_.shard.empty()) {
        SNAP_ASSIGN(planning_.shard, chosen_shard(session.environment));
      }
    }
    auto known = known_failures(session, planning_);
    if (!known) return kInvalidInput;
    SNAP_ASSIGN(auto plans, plan(session, planning_));
    if (!plans) return kInvalidInput;
    options_.known = *std::move(known);
    options_.retries = planning_.retries;
    if (plans->empty()) {
      session.err << "no run falls into shard " << planning_.shard << "\n";
      return kAllAsExpected;
    }
    options_.planning = to_json(planning_);
    SNAP_ASSIGN(const engine::CampaignEnd end, conduct(session, options_, *std::move(plans)));
    return engine::exit_code(end);
  }

 private:
  // All as the campaign was begun, except that its scenarios may lie elsewhere now.
  Result<void> plan_as_before() {
    SNAP_ASSIGN(const engine::JournalContent content, engine::read_journal(options_.resume));
    Result<Planning> stored = planning_from_json(content.head.planning);
    if (!stored) return stored.error().in("resume " + options_.resume.string());
    if (!planning_.paths.empty()) stored->paths = planning_.paths;
    planning_ = *std::move(stored);
    return {};
  }

  // As I/N, which a resumed campaign takes wherever it runs then.
  Result<std::string> chosen_shard(const engine::Environment& environment) const {
    SNAP_ASSIGN(const engine::Shard shard, engine::choose_shard(planning_.shard, environment));
    return fmt::format("{}/{}", shard.index, shard.count);
  }

  Planning planning_;
  bool keep_going_ = false;  // Says what is so anyway; its use is to contradict --fail-fast.
  CampaignOptions options_;
};

}  // namespace

CommandPtr make_run_command() { return std::make_unique<RunCommand>(); }

}  // namespace snaphammer::cli
