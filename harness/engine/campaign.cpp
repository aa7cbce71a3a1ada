#include "harness/engine/campaign.h"

#include <algorithm>
#include <ctime>
#include <exception>
#include <map>
#include <optional>
#include <random>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/engine/leftovers.h"
#include "harness/engine/runtime_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

class Campaign {
 public:
  Campaign(std::vector<scenario::RunPlan> plans, const CampaignSettings& settings, CampaignListener& listener,
           RuntimeDirectory& runtime)
      : plans_(std::move(plans)),
        settings_(settings),
        listener_(listener),
        runtime_(runtime),
        signals_(context_, SIGINT, SIGTERM, SIGHUP),
        stop_(context_.get_executor()) {}

  CampaignEnd run() {
    await_signal();
    const auto slots = static_cast<unsigned>(std::min<std::size_t>(settings_.parallel, plans_.size()));
    running_slots_ = slots;
    for (unsigned slot = 0; slot < slots; ++slot) {
      asio::co_spawn(context_, run_slot(slot), [this](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
        if (--running_slots_ == 0) signals_.cancel();
      });
    }
    context_.run();
    context_.restart();
    asio::co_spawn(context_, end_orphans(), asio::detached);
    context_.run();
    return take_end();
  }

 private:
  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      const bool at_once = interrupted_;
      interrupted_ = true;
      (at_once ? stop_.at_once : stop_.gently).set();
      listener_.stopping(at_once);
      await_signal();
    });
  }

  bool may_start() const { return next_ < plans_.size() && !interrupted_ && !(settings_.fail_fast && failed_); }

  Awaitable<void> run_slot(unsigned slot) {
    while (may_start()) {
      const std::size_t index = next_++;
      listener_.run_began(slot, plans_[index]);
      const TimePoint began = SteadyClock::now();
      Result<report::RunResult> result = co_await run_one(slot, index);
      if (!result && result.error().kind() == ErrorKind::kCancelled) co_return;
      report::RunResult outcome = result ? *std::move(result) : outcome_of_error(plans_[index], result.error());
      outcome.seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
      finish(slot, index, std::move(outcome));
    }
  }

  Async<report::RunResult> run_one(unsigned slot, std::size_t index) {
    const scenario::RunPlan& plan = plans_[index];
    RunPaths paths{.artifacts = artifacts_of(plan),
                   .runtime = {},
                   .caches = settings_.caches,
                   .installation = settings_.installation};
    std::error_code error;
    fs::create_directories(paths.artifacts, error);
    if (error) co_return errno_error("create " + paths.artifacts.string(), error.value());
    CO_SNAP_ASSIGN(paths.runtime, runtime_.make_subdirectory(std::to_string(index)));
    std::function<void(std::string_view)> on_phase = [this, slot](std::string_view phase) {
      listener_.run_phase(slot, phase);
    };
    Result<report::RunResult> result =
        co_await run_in_worker(plan, paths, settings_.id, settings_.worker, stop_, std::move(on_phase));
    fs::remove_all(paths.runtime, error);
    if (error) own_errors_.push_back("remove " + paths.runtime.string() + ": " + error.message());
    co_return result;
  }

  void finish(unsigned slot, std::size_t index, report::RunResult result) {
    const scenario::RunPlan& plan = plans_[index];
    result.expected = scenario::is_expected(plan, result);
    result.artifacts = fs::path("runs") / plan.id;
    result.reproduce = "snaphammer replay " + artifacts_of(plan).string();
    failed_ |= !result.expected && result.verdict != report::Verdict::kSkipped;
    listener_.run_ended(slot, result);
    finished_.emplace(index, std::move(result));
    if (const Result<void> written = write_results(); !written) own_errors_.push_back(written.error().describe());
  }

  Result<void> write_results();

  fs::path artifacts_of(const scenario::RunPlan& plan) const { return settings_.directory / "runs" / plan.id; }

  // With no worker left, every child of this process is one that somebody has left behind, also without our mark.
  Awaitable<void> end_orphans() {
    const auto is_orphan = [](const Process& process) { return process.parent == ::getpid(); };
    const Result<std::vector<Process>> killed = co_await end_all(is_orphan);
    if (!killed) own_errors_.push_back(killed.error().describe());
    if (!killed) co_return;
    for (const Process& process : *killed) {
      own_errors_.push_back("a run left process " + process.describe() + " behind; killed");
    }
  }

  CampaignEnd take_end();

  asio::io_context context_;
  std::vector<scenario::RunPlan> plans_;
  const CampaignSettings& settings_;
  CampaignListener& listener_;
  RuntimeDirectory& runtime_;
  asio::signal_set signals_;
  StopRequest stop_;
  std::size_t next_ = 0;
  unsigned running_slots_ = 0;
  bool interrupted_ = false;
  bool failed_ = false;
  std::map<std::size_t, report::RunResult> finished_;  // By place in the plan.
  std::vector<std::string> own_errors_;
};

}  // namespace
