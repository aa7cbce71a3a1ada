// One running exec: the process, its three pipes, its timeout, and the client who waits for it.
//
//   ExecRun run(executor, std::move(process), request);
//   agent::ExecFrame end = co_await run.stream_to(exchange);     // everything but this last frame is written
#pragma once

#include <memory>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "guest-workloads/agent/bounded_lines.h"
#include "guest-workloads/agent/child_output.h"
#include "guest-workloads/agent/exchange.h"
#include "guest-workloads/agent/process_starter.h"
#include "guest-workloads/agent/reaper.h"
#include "lib/agent/exec_protocol.h"
#include "lib/agent/protocol.h"
#include "lib/base/task_group.h"

namespace snaphammer::guest {

class ExecRun {
 public:
  ExecRun(const asio::any_io_executor& executor, StartedProcess started, agent::ExecRequest request);

  Awaitable<agent::ExecFrame> stream_to(Exchange& exchange);

 private:
  Awaitable<void> feed_input();
  // The three producers of frames; the last to end closes the queue.
  Awaitable<void> supervise();
  Awaitable<void> pump(ChildOutput& from, agent::ExecEvent event);
  void producer_ended();
  void kill(std::string why);

  agent::ExecRequest request_;
  std::shared_ptr<Child> child_;
  asio::posix::stream_descriptor input_;
  ChildOutput output_;
  ChildOutput error_;
  asio::steady_timer deadline_;
  BoundedLines frames_;
  int producers_ = 3;
  TaskGroup tasks_;
  agent::ExecFrame end_;
};

}  // namespace snaphammer::guest
