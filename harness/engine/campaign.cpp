#include "harness/engine/campaign.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <exception>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/engine/atomic_file.h"
#include "harness/engine/leftovers.h"
#include "harness/engine/runtime_directory.h"
#include "harness/report/reporter.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResultsName = "results.json";

// "2026-01-31T23:59:59Z", or any other strftime(3) format, in UTC.
std::string now_as(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

nlohmann::json host_facts() {
  utsname names{};
  ::uname(&names);
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGE_SIZE);
  return {{"kernel", names.release},
          {"architecture", names.machine},
          {"cpus", std::thread::hardware_concurrency()},
          {"memory_bytes", static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)}};
}

class Campaign {
 public:
  Campaign(std::vector<scenario::RunPlan> plans, const CampaignSettings& settings, CampaignListener& listener,
           RuntimeDirectory& runtime)
      : plans_(std::move(plans)),
        settings_(settings),
        listener_(listener),
        runtime_(runtime),
        signals_(context_, SIGINT, SIGTERM, SIGHUP),
        stop_(context_.get_executor()) {
    results_.tool = {{"name", "snaphammer"}, {"version", settings.version}};
    results_.campaign = settings.id;
    results_.host = host_facts();
    results_.started = now_as("%Y-%m-%dT%H:%M:%SZ");
  }

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
    const scenario::Judgement judgement = scenario::judge(plan, result);
    result.expected = judgement.expected;
    if (!result.expected && result.message.empty()) result.message = judgement.reason;
    result.artifacts = fs::path("runs") / plan.id;
    result.reproduce = "snaphammer replay " + artifacts_of(plan).string();
    failed_ |= !result.expected && result.verdict != report::Verdict::kSkipped;
    listener_.run_ended(slot, result);
    finished_.emplace(index, std::move(result));
    if (const Result<void> written = write_results(); !written) own_errors_.push_back(written.error().describe());
  }

  Result<void> write_results() {
    results_.seconds = std::chrono::duration<double>(SteadyClock::now() - began_).count();
    results_.runs.clear();
    for (const auto& [index, result] : finished_) results_.runs.push_back(result);
    return write_atomically(settings_.directory / kResultsName, report::render_json(results_));
  }

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

  CampaignEnd take_end() {
    if (const Result<void> written = write_results(); !written) {
      own_errors_.push_back(written.error().describe());
    }
    return {.results = std::move(results_),
            .planned = plans_.size(),
            .interrupted = interrupted_,
            .own_errors = std::move(own_errors_)};
  }

  const TimePoint began_ = SteadyClock::now();
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
  report::CampaignResult results_;
  std::vector<std::string> own_errors_;
};

Result<void> prepare_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return errno_error("create " + directory.string(), error.value()).advise("name another directory with --out");
  }
  if (fs::exists(directory / kResultsName)) {
    return Error(ErrorKind::kInvalid, directory.string() + ": has the results of another campaign")
        .advise("name another directory with --out");
  }
  return {};
}

}  // namespace

std::string new_campaign_id() {
  std::random_device random;
  return now_as("%Y%m%d-%H%M%S") + fmt::format("-{:04x}", random() & 0xffffu);
}

Result<CampaignEnd> run_campaign(std::vector<scenario::RunPlan> plans, const CampaignSettings& settings,
                                 CampaignListener& listener) {
  SNAP_TRY(prepare_directory(settings.directory));
  SNAP_ASSIGN(RuntimeDirectory runtime, RuntimeDirectory::create(settings.runtime_base, settings.id));
  // What outlives its worker becomes our child instead of init's, so that it can be found even without our mark.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return errno_error("become the reaper of orphans");
  Campaign campaign(std::move(plans), settings, listener, runtime);
  return campaign.run();
}

int exit_code(const CampaignEnd& end) {
  const report::Summary summary = report::summarize(end.results.runs);
  if (end.interrupted) return 130;
  if (!end.own_errors.empty() || summary.error > 0) return 4;
  if (summary.unexpected > 0) return 1;
  const bool nothing_ran = summary.total > 0 && summary.skipped == summary.total;
  if (summary.inconclusive > 0 || nothing_ran) return 3;
  return 0;
}

}  // namespace snaphammer::engine
