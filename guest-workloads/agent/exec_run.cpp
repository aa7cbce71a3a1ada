#include "guest-workloads/agent/exec_run.h"

#include <boost/asio/write.hpp>
#include <signal.h>

#include "lib/agent/json_fields.h"

namespace snaphammer::guest {

using agent::ExecEvent;
using agent::ExecFrame;

namespace {

// Frames that wait for a slow client; then the process waits.
constexpr std::size_t kWaiting = 128_KiB;

}  // namespace

ExecRun::ExecRun(const asio::any_io_executor& executor, StartedProcess started, agent::ExecRequest request)
    : request_(std::move(request)),
      child_(std::move(started.child)),
      input_(executor, started.process.input.release()),
      output_(executor, std::move(started.process.output), child_),
      error_(executor, std::move(started.process.error), child_),
      deadline_(executor),
      frames_(executor, kWaiting),
      tasks_(executor) {
  end_.event = ExecEvent::kExit;
}

Awaitable<ExecFrame> ExecRun::stream_to(Exchange& exchange) {
  deadline_.expires_after(request_.timeout);
  deadline_.async_wait([this, child = child_](const boost::system::error_code& error) {
    if (error || child->ended()) return;
    end_.timed_out = end_.error.empty();
    kill("not done within " + format_duration(request_.timeout));
  });
  exchange.watch_client([this] { kill("the client went away"); });

  tasks_.spawn(feed_input());
  tasks_.spawn(pump(output_, ExecEvent::kStdout));
  tasks_.spawn(pump(error_, ExecEvent::kStderr));
  tasks_.spawn(supervise());

  while (true) {
    co_await frames_.wait();
    std::string some(frames_.peek(agent::kMaxLine));
    if (some.empty()) break;
    frames_.consume(some.size());
    const bool taken = co_await exchange.write(std::move(some));
    if (!taken) {
      kill("the client went away");
      frames_.close();
    }
  }
  co_await tasks_.wait_idle();
  exchange.stop_watching();
  co_return end_;
}

Awaitable<void> ExecRun::supervise() {
  end_.end = co_await child_->wait();
  deadline_.cancel();
  boost::system::error_code ignored;
  input_.close(ignored);
  output_.child_ended();
  error_.child_ended();
  producer_ended();
}

Awaitable<void> ExecRun::feed_input() {
  // A process that does not read its input is not an error: EPIPE, or aborted at its end.
  co_await asio::async_write(input_, asio::buffer(request_.input), as_result);
  boost::system::error_code ignored;
  input_.close(ignored);
}

Awaitable<void> ExecRun::pump(ChildOutput& from, ExecEvent event) {
  while (true) {
    const std::string_view piece = co_await from.next();
    if (piece.empty()) break;
    ExecFrame frame;
    frame.event = event;
    frame.data = piece;
    std::string line = agent::print_json(frame.to_json()) + "\n";
    co_await frames_.push(std::move(line));
  }
  producer_ended();
}

void ExecRun::producer_ended() {
  if (--producers_ == 0) frames_.close();
}

void ExecRun::kill(std::string why) {
  if (child_->ended() || !end_.error.empty()) return;
  end_.error = std::move(why);
  child_->signal_group(SIGKILL);
}

}  // namespace snaphammer::guest
