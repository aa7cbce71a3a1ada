#include "harness/engine/worker_process.h"

#include <array>

#include <boost/asio/buffer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "harness/engine/environment.h"
#include "harness/engine/host_stacks.h"
#include "harness/engine/leftovers.h"
#include "harness/engine/plan_file.h"
#include "lib/base/child_process.h"

namespace snaphammer::engine {
namespace {

// The campaign's end of a worker's event pipe. Kept alive by whoever reads it.
class EventPipe : public std::enable_shared_from_this<EventPipe> {
 public:
  EventPipe(const asio::any_io_executor& executor, UniqueFd reader, std::function<void(const RunEvent&)> on_event)
      : reader_(executor, reader.release()), on_event_(std::move(on_event)) {}

  void start() { asio::co_spawn(reader_.get_executor(), read_lines(shared_from_this()), asio::detached); }

  // Takes what the worker said before it ended, and stops reading: a process that it left behind may hold the pipe
  // open for ever.
  void finish() {
    std::array<char, 4096> buffer{};
    boost::system::error_code error;
    reader_.cancel(error);
    reader_.non_blocking(true, error);
    while (buffered_.size() < kLongestLine) {
      const std::size_t n = reader_.read_some(asio::buffer(buffer), error);
      if (error) break;
      buffered_.append(buffer.data(), n);
      take_lines();
    }
    reader_.close(error);
  }

  const std::string& last_phase() const { return last_phase_; }

 private:
  static constexpr std::size_t kLongestLine = 64 * 1024;

  static Awaitable<void> read_lines(std::shared_ptr<EventPipe> self) {
    std::array<char, 4096> buffer{};
    while (self->buffered_.size() < kLongestLine) {
      auto [error, n] = co_await self->reader_.async_read_some(asio::buffer(buffer), as_result);
      if (error) co_return;
      self->buffered_.append(buffer.data(), n);
      self->take_lines();
    }
  }

  void take_lines() {
    for (std::size_t end = 0; (end = buffered_.find('\n')) != std::string::npos;) {
      const std::optional<RunEvent> event = event_in(std::string_view(buffered_).substr(0, end));
      buffered_.erase(0, end + 1);
      if (!event) continue;
      if (!event->phase.empty()) last_phase_ = event->phase;
      on_event_(*event);
    }
  }

  asio::posix::stream_descriptor reader_;
  std::function<void(const RunEvent&)> on_event_;
  std::string buffered_;
  std::string last_phase_;
};

struct StartedWorker {
  ChildProcess process;
  std::shared_ptr<EventPipe> events;
};

Result<StartedWorker> start_worker(const asio::any_io_executor& executor, const scenario::RunPlan& plan,
                                   const RunPaths& paths, const std::string& campaign, const WorkerOptions& options,
                                   std::function<void(const RunEvent&)> on_event) {
  SNAP_TRY(write_plan(paths.plan(), plan));
  const UniqueFd output(::open(paths.output().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!output) return errno_error("create " + paths.output().string());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return errno_error("make a pipe");
  UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);

  std::vector<std::string> argv = options.command;
  argv.insert(argv.end(), {"worker", paths.artifacts.string(), paths.runtime.string()});
  std::map<std::string, std::string> environment = options.environment;
  environment.emplace(kCampaignVariable, campaign);
  environment.emplace(kRunVariable, plan.id);
  SNAP_ASSIGN(ChildProcess process, ChildProcess::spawn({.argv = std::move(argv),
                                                         .environment = std::move(environment),
                                                         .inherit = {{writer.get(), kEventsFd}},
                                                         .output = output.get(),
                                                         .error = output.get()}));
  auto events = std::make_shared<EventPipe>(executor, std::move(reader), std::move(on_event));
  events->start();
  return StartedWorker{std::move(process), std::move(events)};
}

// Ends a worker that was asked to: SIGTERM, a bounded time, SIGKILL; at once when that is wished meanwhile.
Awaitable<void> stop_worker(ChildProcess& process, const WorkerOptions& options, StopRequest& stop) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: for operator||
  process.signal(SIGTERM).map([] {});
  Async<ExitStatus> ends = with_deadline(options.stop_grace, "stop worker", process.wait());
  Async<void> killed = stop.at_once.wait();
  co_await (std::move(ends) || std::move(killed));
  process.kill();
}

struct End {
  bool stopped = false;
  WorkerEnd worker;
};

Async<End> await_end(ChildProcess& process, const scenario::RunPlan& plan, const RunPaths& paths,
                     const std::string& campaign, const WorkerOptions& options, StopRequest& stop) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: for operator||
  Async<ExitStatus> ends =
      with_deadline(plan.scenario->timeout + options.timeout_grace, "run " + plan.id, process.wait());
  Async<void> stops = stop.gently.wait();
  auto first = co_await (std::move(ends) || std::move(stops));
  End end;
  if (first.index() == 1) {
    CO_SNAP_TRY(std::get<1>(first));
    co_await stop_worker(process, options, stop);
    end.stopped = true;
  } else if (!std::get<0>(first)) {
    if (std::get<0>(first).error().kind() != ErrorKind::kTimeout) {
      co_return std::get<0>(first).error();
    }
    end.worker.how = WorkerEnd::How::kTimedOut;
    const auto of_run = [&](const Process& p) {
      return p.has(kCampaignVariable, campaign) && p.has(kRunVariable, plan.id);
    };
    co_await write_host_stacks(processes_where(of_run), paths.artifacts / "hung-stacks.txt");
    process.kill();
  }
  CO_SNAP_ASSIGN(end.worker.status, co_await process.wait());
  co_return end;
}

void report_survivors(const std::vector<Process>& survivors, report::RunResult& result) {
  if (survivors.empty()) return;
  std::string left;
  for (const Process& process : survivors) left += (left.empty() ? "" : ", ") + process.describe();
  result.verdict = report::Verdict::kError;
  result.message =
      "left processes behind, now killed: " + left + (result.message.empty() ? "" : "; before that: " + result.message);
}

}  // namespace

Async<report::RunResult> run_in_worker(scenario::RunPlan plan, RunPaths paths, std::string campaign,
                                       WorkerOptions options, StopRequest& stop,
                                       std::function<void(const RunEvent&)> on_event) {
  const auto executor = co_await asio::this_coro::executor;
  CO_SNAP_ASSIGN(StartedWorker worker, start_worker(executor, plan, paths, campaign, options, std::move(on_event)));
  Result<End> end = co_await await_end(worker.process, plan, paths, campaign, options, stop);
  worker.process.kill();
  worker.events->finish();

  const auto of_run = [&](const Process& process) {
    return process.has(kCampaignVariable, campaign) && process.has(kRunVariable, plan.id);
  };
  CO_SNAP_ASSIGN(const std::vector<Process> survivors, co_await end_all(of_run));
  if (!end) co_return end.error();
  end->worker.last_phase = worker.events->last_phase();
  report::RunResult result = outcome_of_worker(plan, paths, end->worker);
  if (end->stopped && !end->worker.status.success()) {
    co_return Error(ErrorKind::kCancelled, "run " + plan.id + " was stopped");
  }
  report_survivors(survivors, result);
  co_return result;
}

}  // namespace snaphammer::engine
