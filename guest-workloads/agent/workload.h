// One running workload: its process, its commands, its findings; the contract is in agent/workload_protocol.h.
//
//   SNAP_ASSIGN(auto workload, Workload::start(executor, reaper, output, request, std::move(process)));
//   Result<void> ready = co_await workload->wait_ready(request.timeout);
//   co_await workload->check(exchange, silence);
//   agent::WorkloadInfo last = co_await workload->stop(timeout);
//
// It reads its process for as long as that lives and holds itself meanwhile. One io_context thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "guest-workloads/agent/bounded_lines.h"
#include "guest-workloads/agent/child_output.h"
#include "guest-workloads/agent/crash_report.h"
#include "guest-workloads/agent/exchange.h"
#include "guest-workloads/agent/output_stream.h"
#include "guest-workloads/agent/process.h"
#include "guest-workloads/agent/reaper.h"
#include "lib/agent/workload_protocol.h"

namespace snaphammer::guest {

class Workload : public std::enable_shared_from_this<Workload> {
 public:
  static std::shared_ptr<Workload> start(const asio::any_io_executor& executor, Reaper& reaper, OutputStream& output,
                                         agent::StartWorkload request, Process process);

  /// Returns when it has said `ready`; an error when it ends before that or takes longer.
  Async<void> wait_ready(Duration timeout);

  /// Sends `check` and streams findings, then the verdict or what came instead of it (agent::CheckReport). Findings that
  /// the client did not take stay for the next check. `silence`: how long neither may come. One at a time: see checking().
  Awaitable<void> check(Exchange& exchange, Duration silence);
  bool checking() const { return checking_; }

  /// Sends a command and returns the line of type `answer`, but for its type, when the workload has written it; an error
  /// when it refuses, ends before that or takes longer. One command at a time.
  Async<nlohmann::json> ask(std::string command, std::string answer, Duration timeout);

  /// Sends `stop`, and SIGKILL to its process group after `timeout`; returns when it has ended.
  Awaitable<agent::WorkloadInfo> stop(Duration timeout);

  /// Keeps no further findings, so that nothing of it waits for a check any more. For the agent's own end.
  void abandon() { findings_.close(); }

  bool running() const { return !child_->ended(); }
  agent::WorkloadInfo info() const;

 private:
  Workload(const asio::any_io_executor& executor, Reaper& reaper, OutputStream& output, agent::StartWorkload request,
           Process process);

  Awaitable<void> read_output();
  Awaitable<void> read_error();
  Awaitable<void> supervise();
  Awaitable<void> take_line(std::string_view line);
  Awaitable<void> take_finding(std::string_view line);
  void take_message(const std::string& type, nlohmann::json message);

  /// False when the process does not take commands: it has ended, or its input is full.
  bool send(std::string_view command);
  /// Wakes whoever waits for a change, at `deadline`. The timer must live as long as the wait.
  void wake_at(asio::steady_timer& timer, TimePoint deadline);
  /// How the check that needs verdict number `check` ended, once all findings before that are delivered.
  std::optional<agent::CheckReport> outcome(std::uint64_t check, TimePoint deadline) const;
  /// The process has ended and everything it wrote has been read.
  bool finished() const { return child_->ended() && output_ended_ && error_ended_; }

  asio::any_io_executor executor_;
  OutputStream& output_;
  agent::StartWorkload request_;
  std::shared_ptr<Child> child_;
  UniqueFd input_;
  ChildOutput standard_output_;
  ChildOutput standard_error_;
  Notice changed_;
  BoundedLines findings_;
  std::uint64_t findings_seen_ = 0;
  std::string error_tail_;
  CrashReport crash_report_;
  std::string crash_finding_;  ///< What a crash is, by its `ready`; empty: not said.
  bool ready_ = false;
  bool output_ended_ = false;
  bool error_ended_ = false;
  bool checking_ = false;
  std::uint64_t checks_sent_ = 0;
  std::uint64_t verdicts_seen_ = 0;
  struct Answers {
    std::uint64_t count = 0;
    nlohmann::json last;
  };
  std::map<std::string, Answers> answers_;   ///< Lines that ask() waits for, by type.
  std::map<std::string, Answers> refusals_;  ///< By command.
  agent::CheckReport verdict_;
};

}  // namespace snaphammer::guest
