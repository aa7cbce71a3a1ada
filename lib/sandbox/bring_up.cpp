#include "lib/sandbox/bring_up.h"

#include <algorithm>
#include <chrono>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace snaphammer::sandbox {
namespace {

using namespace phases;  // NOLINT: names of this folder

constexpr Duration kHealthDeadline = std::chrono::seconds(10);
constexpr Duration kFirstExecDeadline = std::chrono::seconds(20);

}  // namespace

BringUp::BringUp(const asio::any_io_executor& executor, Incarnation& incarnation, BringUpOptions options,
                 PhaseObserver* observer)
    : executor_(executor),
      incarnation_(incarnation),
      options_(std::move(options)),
      observer_(observer),
      done_(executor) {}

void BringUp::start() {
  asio::co_spawn(executor_, run(), [self = shared_from_this()](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

Awaitable<void> BringUp::run() {
  started_ = SteadyClock::now();
  Sequence sequence("bring up", observer_);
  sequence.add(kReady, options_.budget_ready, [this] { return incarnation_.unless_failed(ready()); });
  sequence.add(kInit, options_.budgets == Budgets::kShared ? options_.budget_ready : options_.budget_init,
               [this] { return incarnation_.unless_failed(init_within_budget()); });
  sequence.add(kHealth, kHealthDeadline, [this] { return incarnation_.unless_failed(health()); });
  sequence.add(kFirstExec, kFirstExecDeadline, [this] { return incarnation_.unless_failed(first_exec()); });
  outcome_ = co_await sequence.run(OnAbort::kAbandon);
  ended_at_ = SteadyClock::now();
  done_.set();
}

Async<void> BringUp::wait() {
  const auto self = shared_from_this();
  CO_SNAP_TRY(co_await done_.wait());
  co_return outcome_.result;
}

Async<void> BringUp::ready() {
  auto ready = co_await incarnation_.output().wait_ready(0);
  CO_SNAP_TRY(ready);
  co_return Result<void>();
}

Async<void> BringUp::init_within_budget() {
  if (options_.budgets == Budgets::kSeparate) return init();
  const Duration left = options_.budget_ready - (SteadyClock::now() - started_);
  return with_deadline(std::max(left, Duration(0)), "what ready has left of the shared budget", init());
}

Async<void> BringUp::init() {
  options_.init.wall_clock = std::chrono::system_clock::now().time_since_epoch();
  auto report = co_await incarnation_.client().init(options_.init);
  CO_SNAP_TRY(report);
  co_return Result<void>();
}

Async<void> BringUp::health() {
  CO_SNAP_ASSIGN(const agent::HealthReport report, co_await incarnation_.client().health());
  if (report.generation != options_.init.generation) {
    co_return Error(ErrorKind::kUnavailable, "the agent answers for generation '" + report.generation + "', not for '" +
                                                 options_.init.generation + "'");
  }
  co_return Result<void>();
}

Async<void> BringUp::first_exec() {
  agent::ExecRequest request;
  request.id = "first-exec-" + options_.init.generation;
  request.command = {"true"};
  request.timeout = kFirstExecDeadline;
  CO_SNAP_ASSIGN(const agent::ExecResult done, co_await incarnation_.client().exec(std::move(request)));
  if (!done.success())
    co_return Error(ErrorKind::kUnavailable, "the first exec " + done.end.describe() + " " + done.error);
  co_return Result<void>();
}

}  // namespace snaphammer::sandbox
