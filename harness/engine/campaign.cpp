#include "harness/engine/campaign.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <deque>
#include <exception>
#include <optional>
#include <random>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/engine/atomic_file.h"
#include "harness/engine/journal.h"
#include "harness/engine/leftovers.h"
#include "harness/engine/memory_budget.h"
#include "harness/engine/runtime_directory.h"
#include "harness/report/reporter.h"
#include "lib/base/shell_word.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResultsName = "results.json";
// Between two writings of results.json while the campaign goes on.
constexpr Duration kResultsEvery = std::chrono::seconds(2);

// "2026-01-31T23:59:59Z", or any other strftime(3) format, in UTC.
std::string now_as(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

class Campaign {
 public:
  Campaign(std::vector<scenario::RunPlan> plans, const CampaignSettings& settings, CampaignListener& listener,
           RuntimeDirectory& runtime, Journal& journal)
      : plans_(std::move(plans)),
        settings_(settings),
        listener_(listener),
        runtime_(runtime),
        journal_(journal),
        state_(journal.content()),
        seconds_before_(state_.seconds),
        signals_(context_, SIGINT, SIGTERM, SIGHUP),
        clock_(context_),
        memory_(context_.get_executor(), settings_.memory),
        stop_(context_.get_executor()) {
    for (std::size_t place = 0; place < plans_.size(); ++place) {
      const auto finished = state_.finished.find(place);
      if (finished == state_.finished.end()) {
        pending_.push_back(place);
      } else {
        note_failure(finished->second);
      }
    }
  }

  CampaignEnd run() {
    await_signal();
    const auto slots = static_cast<unsigned>(std::min<std::size_t>(settings_.parallel, pending_.size()));
    if (slots == 0) signals_.cancel();
    if (slots > 0) await_second();
    running_slots_ = slots;
    for (unsigned slot = 0; slot < slots; ++slot) {
      asio::co_spawn(context_, run_slot(slot), [this](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
        if (--running_slots_ > 0) return;
        signals_.cancel();
        clock_.cancel();
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

  void await_second() {
    clock_.expires_after(std::chrono::seconds(1));
    clock_.async_wait([this](const boost::system::error_code& error) {
      if (error || running_slots_ == 0) return;
      listener_.second_passed();
      await_second();
    });
  }

  bool may_start() const { return !interrupted_ && !journal_failed_ && !(settings_.fail_fast && failed_); }

  Awaitable<void> run_slot(unsigned slot) {
    while (!pending_.empty() && may_start()) {
      const std::size_t index = pending_.front();
      pending_.pop_front();
      const auto memory = co_await memory_.take(scenario::expected_memory(plans_[index]));
      if (!memory || !may_start()) co_return;
      listener_.run_began(slot, plans_[index]);
      std::optional<report::RunResult> result = co_await run_until_settled(slot, plans_[index]);
      if (!result) co_return;
      finish(slot, index, *std::move(result));
    }
  }

  // A run and, while it ends in a surprise, its retries. Nothing when it was stopped before it had a result.
  Awaitable<std::optional<report::RunResult>> run_until_settled(unsigned slot, const scenario::RunPlan& plan) {
    std::optional<report::RunResult> settled;
    std::vector<report::Attempt> attempts;
    for (unsigned retry = 0; retry <= settings_.retries && !(settled && interrupted_); ++retry) {
      scenario::RunPlan attempt = plan;
      if (retry > 0) attempt.id += fmt::format(".retry{}", retry);
      const TimePoint began = SteadyClock::now();
      Result<report::RunResult> result = co_await run_one(slot, attempt);
      if (!result && result.error().kind() == ErrorKind::kCancelled) break;
      if (settled) attempts.push_back({settled->verdict, settled->message, settled->artifacts});
      settled = result ? *std::move(result) : outcome_of_error(attempt, result.error());
      settled->seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
      settled->artifacts = fs::path("runs") / attempt.id;
      settled->reproduce = "snaphammer replay " + shell_word(artifacts_of(attempt).string());
      settled->id = plan.id;
      settled->attempts = attempts;
      judge(plan, *settled);
      if (!settled->is_surprise()) break;
    }
    co_return settled;
  }

  void judge(const scenario::RunPlan& plan, report::RunResult& result) const {
    const scenario::Judgement judgement = scenario::judge(plan, result);
    result.expected = judgement.expected;
    result.expects = {.verdict = plan.expectation.verdict,
                      .findings = plan.expectation.findings.value_or(std::vector<std::string>())};
    if (!result.expected) explain(result, judgement.reason);
    result.known = settings_.known.explain(plan, result);
  }

  // What was found says by itself that it is no pass.
  static void explain(report::RunResult& result, const std::string& reason) {
    if (result.message.empty()) {
      result.message = reason;
    } else if (result.verdict == report::Verdict::kFail && result.expects->verdict != report::Verdict::kPass) {
      result.message += "; " + reason;
    }
  }

  Async<report::RunResult> run_one(unsigned slot, scenario::RunPlan plan) {
    RunPaths paths{.artifacts = artifacts_of(plan),
                   .runtime = {},
                   .caches = settings_.caches,
                   .installation = settings_.installation};
    std::error_code error;
    fs::remove_all(paths.artifacts, error);  // Of a run that its campaign did not live to see the end of.
    if (!error) fs::create_directories(paths.artifacts, error);
    if (error) co_return errno_error("create " + paths.artifacts.string(), error.value());
    CO_SNAP_ASSIGN(paths.runtime, runtime_.make_subdirectory(std::to_string(slot)));
    std::function<void(const RunEvent&)> on_event = [this, slot](const RunEvent& event) {
      if (!event.phase.empty()) listener_.run_phase(slot, event.phase);
      if (!event.finding.empty()) listener_.run_found(slot, event.finding);
    };
    Result<report::RunResult> result =
        co_await run_in_worker(plan, paths, settings_.id, settings_.worker, stop_, std::move(on_event));
    fs::remove_all(paths.runtime, error);
    if (error) own_errors_.push_back("remove " + paths.runtime.string() + ": " + error.message());
    co_return result;
  }

  void finish(unsigned slot, std::size_t index, report::RunResult result) {
    if (const Result<void> kept = journal_.record(index, result, seconds()); !kept) {
      journal_failed_ = true;
      own_errors_.push_back(kept.error().in("keep the result of " + plans_[index].id).describe());
      return;
    }
    note_failure(result);
    listener_.run_ended(slot, result);
    state_.finished.emplace(index, std::move(result));
    if (SteadyClock::now() - written_ >= kResultsEvery) write_results();
  }

  void note_failure(const report::RunResult& result) { failed_ |= result.is_surprise(); }

  double seconds() const {
    return seconds_before_ + std::chrono::duration<double>(SteadyClock::now() - began_).count();
  }

  void write_results() {
    state_.seconds = seconds();
    const Result<void> written =
        write_atomically(settings_.directory / kResultsName, report::render_json(state_.results()));
    if (!written) own_errors_.push_back(written.error().describe());
    written_ = SteadyClock::now();
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
    write_results();
    if (!journal_failed_) {
      const Result<void> kept = journal_.set_seconds(state_.seconds);
      if (!kept) own_errors_.push_back(kept.error().describe());
    }
    return {.results = state_.results(),
            .interrupted = interrupted_,
            .own_errors = std::move(own_errors_),
            .outdated = outdated()};
  }

  std::vector<std::string> outdated() const {
    std::vector<const report::RunResult*> results(plans_.size(), nullptr);
    for (const auto& [place, result] : state_.finished) results[place] = &result;
    return settings_.known.outdated(plans_, results);
  }

  const TimePoint began_ = SteadyClock::now();
  asio::io_context context_;
  std::vector<scenario::RunPlan> plans_;
  const CampaignSettings& settings_;
  CampaignListener& listener_;
  RuntimeDirectory& runtime_;
  Journal& journal_;
  JournalContent state_;
  const double seconds_before_;
  std::deque<std::size_t> pending_;  // Places in the plan, in its order.
  TimePoint written_ = began_;       // When results.json was.
  asio::signal_set signals_;
  asio::steady_timer clock_;
  MemoryBudget memory_;
  StopRequest stop_;
  unsigned running_slots_ = 0;
  bool interrupted_ = false;
  bool failed_ = false;
  bool journal_failed_ = false;
  std::vector<std::string> own_errors_;
};

Result<void> prepare_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return errno_error("create " + directory.string(), error.value())
        .as(ErrorKind::kInvalid)
        .advise("name another directory with --out");
  }
  return expect_no_results(directory);
}

Result<Journal> open_journal(const CampaignSettings& settings, const std::vector<scenario::RunPlan>& plans) {
  if (settings.resume) return Journal::resume(settings.directory, settings.version, plans);
  SNAP_TRY(prepare_directory(settings.directory));
  return Journal::create(settings.directory,
                         {.campaign = settings.id,
                          .version = settings.version,
                          .host = settings.host,
                          .started = now_as("%Y-%m-%dT%H:%M:%SZ"),
                          .planning = settings.planning,
                          .notes = settings.notes},
                         plans);
}

}  // namespace

std::string new_campaign_id() {
  std::random_device random;
  return now_as("%Y%m%d-%H%M%S") + fmt::format("-{:04x}", random() & 0xffffu);
}

Result<void> expect_no_results(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory / kResultsName, ignored) && !has_journal(directory)) return {};
  return Error(ErrorKind::kInvalid, directory.string() + ": has the results of another campaign")
      .advise("name another directory with --out, or continue it with `snaphammer run --resume`");
}

Result<CampaignEnd> run_campaign(std::vector<scenario::RunPlan> plans, const CampaignSettings& settings,
                                 CampaignListener& listener) {
  SNAP_ASSIGN(Journal journal, open_journal(settings, plans));
  SNAP_ASSIGN(RuntimeDirectory runtime, RuntimeDirectory::create(settings.runtime_base, settings.id));
  // What outlives its worker becomes our child instead of init's, so that it can be found even without our mark.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return errno_error("become the reaper of orphans");
  Campaign campaign(std::move(plans), settings, listener, runtime, journal);
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
