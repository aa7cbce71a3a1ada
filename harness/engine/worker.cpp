#include "harness/engine/worker.h"

#include <exception>
#include <iostream>
#include <optional>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/resource.h>

#include "harness/engine/atomic_file.h"
#include "harness/engine/plan_file.h"
#include "harness/engine/run_outcome.h"
#include "lib/base/log.h"

namespace snaphammer::engine {
namespace {

Error error_from(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    return Error(ErrorKind::kInternal, std::string("exception: ") + exception.what());
  } catch (...) {
    return Error(ErrorKind::kInternal, "unknown exception");
  }
}

// Runs the operation to its end; SIGTERM cancels it.
Result<report::RunResult> run_cancellable(asio::io_context& context, Async<report::RunResult> operation) {
  asio::signal_set termination(context, SIGTERM);
  asio::cancellation_signal cancel;
  termination.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) cancel.emit(asio::cancellation_type::terminal);
  });
  std::optional<Result<report::RunResult>> result;
  asio::co_spawn(context, std::move(operation),
                 asio::bind_cancellation_slot(
                     cancel.slot(), [&](const std::exception_ptr& failure, Result<report::RunResult> value) {
                       result = failure ? Result<report::RunResult>(error_from(failure)) : std::move(value);
                       context.stop();
                     }));
  context.run();
  return *std::move(result);
}

// User and system time of RUSAGE_SELF, all threads, or of RUSAGE_CHILDREN, those that were waited for: getrusage(2).
double cpu_ms(int whose) {
  rusage use{};
  ::getrusage(whose, &use);
  const auto us = [](const timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; };
  return static_cast<double>(us(use.ru_utime) + us(use.ru_stime)) / 1000;
}

Result<int> work(const RunPaths& paths, int events_fd, ExecuteRun execute) {
  SNAP_TRY(log_to_file(paths.log()));
  SNAP_ASSIGN(const scenario::RunPlan plan, read_plan(paths.plan()));
  asio::io_context context;
  Result<report::RunResult> result = run_cancellable(context, execute(plan, paths, RunEvents(events_fd)));
  if (!result && result.error().kind() == ErrorKind::kCancelled) return kWorkerStopped;
  report::RunResult outcome = result ? *std::move(result) : outcome_of_error(plan, result.error());
  outcome.cpu = report::CpuTime{.harness_ms = cpu_ms(RUSAGE_SELF), .vmm_ms = cpu_ms(RUSAGE_CHILDREN)};
  SNAP_TRY(write_atomically(paths.result(), report::to_json(outcome).dump(2) + "\n"));
  return kWorkerDone;
}

}  // namespace

int run_worker(const RunPaths& paths, int events_fd, ExecuteRun execute) {
  const Result<int> code = work(paths, events_fd, execute);
  if (code) return *code;
  std::cerr << "worker: " << code.error().describe() << "\n";
  return kWorkerFailed;
}

}  // namespace snaphammer::engine
