#include "lib/sandbox/bring_up.h"

#include <algorithm>
#include <chrono>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "lib/sandbox/balloon.h"

namespace snaphammer::sandbox {
namespace {

using namespace phases;  // NOLINT: names of this folder

constexpr Duration kHealthDeadline = std::chrono::seconds(10);
constexpr Duration kDeflateDeadline = std::chrono::seconds(30);
constexpr Duration kFirstExecDeadline = std::chrono::seconds(20);
/// From a transport reset that broke a call to the agent's new output connection.
constexpr Duration kReconnectLimit = std::chrono::seconds(2);

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
  // Before init, after which workloads go on and may need all of it.
  if (options_.deflate) sequence.add(kDeflate, kDeflateDeadline, [this] { return deflate_balloon(incarnation_); });
  sequence.add(kInit, options_.budgets == Budgets::kShared ? options_.budget_ready : options_.budget_init,
               [this] { return incarnation_.unless_failed(init_within_budget()); });
  sequence.add(kHealth, kHealthDeadline, [this] { return incarnation_.unless_failed(health()); });
  sequence.add(kFirstExec, kFirstExecDeadline, [this] { return incarnation_.unless_failed(first_exec()); });
  outcome_ = co_await sequence.run(OnAbort::kAbandon);
  ended_at_ = SteadyClock::now();
  if (outcome_.result && options_.on_healthy) options_.on_healthy();
  done_.set();
}

Async<void> BringUp::wait() {
  const auto self = shared_from_this();
  CO_SNAP_TRY(co_await done_.wait());
  co_return outcome_.result;
}

Async<void> BringUp::ready() {
  auto ready =
      co_await with_deadline(options_.budget_ready / 3, "the transport reset", incarnation_.output().wait_ready(0));
  if (!ready && ready.error().kind() == ErrorKind::kTimeout) {
    incarnation_.replace_transport_reset();
    ready = co_await incarnation_.output().wait_ready(0);
  }
  CO_SNAP_TRY(ready);
  co_return Result<void>();
}

template <class T, class Call>
Async<T> BringUp::over_resets(Call call) {
  while (true) {
    const std::uint64_t epoch = incarnation_.output().latest().epoch;
    Result<T> answer = co_await call();
    if (answer || answer.error().kind() != ErrorKind::kGone) co_return answer;
    auto again = co_await with_deadline(kReconnectLimit, "reconnect", incarnation_.output().wait_ready(epoch));
    if (!again) co_return answer;
  }
}

Async<void> BringUp::init_within_budget() {
  if (options_.budgets == Budgets::kSeparate) return init();
  const Duration left = options_.budget_ready - (SteadyClock::now() - started_);
  return with_deadline(std::max(left, Duration(0)), "what ready has left of the shared budget", init());
}

Async<void> BringUp::init() {
  const auto ask = [this] {
    if (options_.set_clock) options_.init.wall_clock = std::chrono::system_clock::now().time_since_epoch();
    return incarnation_.client().init(options_.init);
  };
  auto report = co_await over_resets<agent::InitReport>(ask);
  CO_SNAP_TRY(report);
  co_return Result<void>();
}

Async<void> BringUp::health() {
  const auto ask = [this] { return incarnation_.client().health(); };
  CO_SNAP_ASSIGN(const agent::HealthReport report, co_await over_resets<agent::HealthReport>(ask));
  if (report.generation != options_.init.generation) {
    co_return Error(ErrorKind::kUnavailable, "the agent answers for generation '" + report.generation + "', not for '" +
                                                 options_.init.generation + "'");
  }
  co_return Result<void>();
}

Async<void> BringUp::first_exec() {
  const auto ask = [this, attempt = 0]() mutable {
    agent::ExecRequest request;
    // One that was cut off was killed, and its id would only say so.
    request.id = fmt::format("first-exec-{}-{}", options_.init.generation, ++attempt);
    request.command = {"true"};
    request.timeout = kFirstExecDeadline;
    return incarnation_.client().exec(std::move(request));
  };
  CO_SNAP_ASSIGN(const agent::ExecResult done, co_await over_resets<agent::ExecResult>(ask));
  if (!done.success())
    co_return Error(ErrorKind::kUnavailable, "the first exec " + done.end.describe() + " " + done.error);
  co_return Result<void>();
}

}  // namespace snaphammer::sandbox
