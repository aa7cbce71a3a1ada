#include <algorithm>
#include <cmath>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <signal.h>

#include "harness/cli/campaign_command.h"
#include "harness/cli/command.h"
#include "harness/cli/earlier_run.h"
#include "harness/engine/atomic_file.h"
#include "harness/engine/run_paths.h"
#include "harness/scenario/shrink.h"
#include "lib/base/writable.h"

namespace snaphammer::cli {
namespace {

namespace fs = std::filesystem;
using scenario::Trial;

// Nothing is shown of the single runs: what counts is how many of them came back.
class Silent : public engine::CampaignListener {
 public:
  void run_began(unsigned, const scenario::RunPlan&) override {}
  void run_phase(unsigned, std::string_view) override {}
  void run_found(unsigned, std::string_view) override {}
  void run_ended(unsigned, const report::RunResult&) override {}
  void stopping(bool) override {}
  void second_passed() override {}
};

// The wish to end, also when it comes between two campaigns.
class StopSignals {
 public:
  StopSignals() {
    signals_.async_wait([this](const boost::system::error_code& error, int) { seen_ = seen_ || !error; });
  }
  bool seen() {
    io_.poll();
    return seen_;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::signal_set signals_{io_, SIGINT, SIGTERM, SIGHUP};
  bool seen_ = false;
};

struct Bounds {
  double share = 0.5;  // Of the tries, in which the outcome is to come back.
  unsigned tries = 3;
  unsigned most = 300;  // Runs in all.
};

// Runs candidates, each as a small campaign below the directory.
class Trials {
 public:
  Trials(engine::CampaignSettings settings, report::RunResult original, Bounds bounds, std::ostream& out)
      : settings_(std::move(settings)),
        original_(std::move(original)),
        bounds_(bounds),
        needed_(std::max(1u, static_cast<unsigned>(std::ceil(bounds.share * bounds.tries)))),
        out_(out) {}

  /// Starts no more runs than it takes to decide.
  Result<Trial> operator()(const scenario::RunPlan& candidate, const std::string& what) {
    unsigned back = 0, gone = 0;
    ++candidates_;
    while (back < needed_ && gone <= bounds_.tries - needed_) {
      const unsigned wanted = needed_ - back;
      if (interrupted() || runs_ + wanted > bounds_.most) return Trial::kNoMore;
      SNAP_ASSIGN(const engine::CampaignEnd end, run(candidate, back + gone, wanted));
      if (interrupted()) return Trial::kNoMore;
      if (!end.own_errors.empty()) return Error(ErrorKind::kInternal, end.own_errors.front());
      const auto again = std::ranges::count_if(end.results.runs,
                                               [&](const report::RunResult& one) { return came_back(original_, one); });
      back += static_cast<unsigned>(again);
      gone += wanted - static_cast<unsigned>(again);
    }
    const bool stays = back >= needed_;
    out_ << fmt::format("[{:>3} runs] {:<9} {}/{}  {}\n", runs_, stays ? "came back" : "gone", back, back + gone, what)
         << std::flush;
    return stays ? Trial::kCameBack : Trial::kGone;
  }

  unsigned runs() const { return runs_; }
  bool interrupted() { return stop_.seen(); }

 private:
  Result<engine::CampaignEnd> run(const scenario::RunPlan& candidate, unsigned first, unsigned count) {
    engine::CampaignSettings settings = settings_;
    settings.directory /= fmt::format("{:03}.{}", candidates_, first + 1);
    std::vector<scenario::RunPlan> plans(count, candidate);
    for (unsigned i = 0; i < count; ++i) plans[i].id += fmt::format(".try{}", first + i + 1);
    runs_ += count;
    Silent silent;
    SNAP_ASSIGN(engine::CampaignEnd end, engine::run_campaign(std::move(plans), settings, silent));
    // Hundreds of candidates would fill the disk, and none is looked at: the run that is shrunk has kept its own.
    for (const report::RunResult& one : end.results.runs) {
      fs::remove_all(engine::RunPaths{.artifacts = settings.directory / one.artifacts}.snapshots());
    }
    return end;
  }

  engine::CampaignSettings settings_;
  report::RunResult original_;
  Bounds bounds_;
  unsigned needed_;
  std::ostream& out_;
  unsigned candidates_ = 0, runs_ = 0;
  StopSignals stop_;
};

class ShrinkCommand : public Command {
 public:
  std::string name() const override { return "shrink"; }

  void declare(CLI::App& app) override {
    app.description("Find a smaller scenario in which the findings of a run still come back");
    app.add_option("RUN", run_, "The run's artifacts: DIR/runs/ID, or the plan.json in it")->required();
    app.add_option("--to", to_, "Where the smaller scenario is written (default: NAME-shrunk.yaml)")->type_name("FILE");
    app.add_option("--share", bounds_.share, "In which share of the tries it must come back, above 0 and up to 1")
        ->check(CLI::Validator(
            [](const std::string& text) {
              double share = 0;
              const bool good = CLI::detail::lexical_cast(text, share) && share > 0 && share <= 1;
              return good ? std::string() : "'" + text + "' is no number above 0 and up to 1";
            },
            "NUMBER"))
        ->capture_default_str();
    app.add_option("--tries", bounds_.tries, "How often a candidate is tried, at most")
        ->check(CLI::Range(1u, 10'000u))
        ->capture_default_str();
    app.add_option("--most", bounds_.most, "How many runs all of it may take")
        ->check(CLI::Range(1u, 1'000'000u))
        ->capture_default_str();
    options_.declare_runs(app);
    app.footer(
        "\nSteps are left out, alone and in rows, and with a step those that name what it made; rounds of loops,\n"
        "branches, faults, values of the matrix, and settings. A candidate that lint would refuse is not run. The\n"
        "result is a scenario without a matrix, with the run's seed; comments and relative paths are not carried "
        "over.\n"
        "\nExample:\n"
        "  snaphammer shrink snaphammer-out/20260131-235959-4f1c/runs/stale-pages.on_remove=ignore.s1 --tries 5");
  }

  Result<int> run(Session& session) override {
    SNAP_ASSIGN(const EarlierRun earlier, read_earlier_run(run_));
    if (!earlier.result) {
      return Error(ErrorKind::kInvalid, earlier.plan.id + ": the worker of the run has left no result to come back")
          .advise("`snaphammer replay` runs it again");
    }
    if (earlier.result->findings.empty()) {
      return Error(ErrorKind::kInvalid, earlier.plan.id + ": the run has no finding that could come back")
          .advise("`snaphammer report DIR` shows which runs have");
    }
    if (to_.empty()) to_ = earlier.plan.scenario->name + "-shrunk.yaml";
    if (fs::exists(to_)) {
      return Error(ErrorKind::kInvalid, to_.string() + ": is there already").advise("choose another with --to FILE");
    }
    SNAP_TRY(check_can_write(to_));
    SNAP_ASSIGN(engine::CampaignSettings settings, prepare(session, options_, {earlier.plan}));
    session.out << fmt::format("{}: {}\n", earlier.plan.id, outcome_of(*earlier.result)) << std::flush;
    const fs::path directory = settings.directory;
    Trials trials(std::move(settings), *earlier.result, bounds_, session.out);
    SNAP_ASSIGN(const scenario::Shrunk shrunk, scenario::shrink(earlier.plan, std::ref(trials)));
    return finish(session, shrunk, trials, directory);
  }

 private:
  Result<int> finish(Session& session, const scenario::Shrunk& shrunk, Trials& trials, const fs::path& directory) {
    if (shrunk.came_back) {
      const std::string head = fmt::format("# Made by `snaphammer shrink {}`.\n", run_.string());
      SNAP_TRY(engine::write_atomically(to_, head + shrunk.plan.source->text));
      const char* const end = shrunk.complete ? "nothing more can be left out" : "there may be more to leave out";
      session.out << fmt::format("{} cut{} in {} runs; {}\nscenario: {}\n", shrunk.cuts, shrunk.cuts == 1 ? "" : "s",
                                 trials.runs(), end, fs::absolute(to_).string());
    } else if (trials.interrupted()) {
      session.out << "interrupted before it came back; no scenario was written\n";
    } else {
      session.out << "it did not come back with nothing left out; try more with --tries, or a smaller --share\n";
    }
    session.out << "results: " << directory.string() << "\n";
    if (trials.interrupted()) return kInterrupted;
    return shrunk.came_back ? kAllAsExpected : kUnexpected;
  }

  fs::path run_, to_;
  Bounds bounds_;
  CampaignOptions options_;
};

}  // namespace

CommandPtr make_shrink_command() { return std::make_unique<ShrinkCommand>(); }

}  // namespace snaphammer::cli
