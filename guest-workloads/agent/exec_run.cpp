#include "guest-workloads/agent/exec_run.h"

#include <algorithm>

#include <boost/asio/write.hpp>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/agent/json_fields.h"

namespace snaphammer::guest {

using agent::ExecEvent;
using agent::ExecFrame;
using asio::posix::stream_descriptor;

namespace {

// Read at once and sent as one frame: in base64 it stays well below agent::kMaxLine.
constexpr std::size_t kPiece = 32_KiB;
// Frames that wait for a slow client; then the process waits.
constexpr std::size_t kWaiting = 128_KiB;

}  // namespace

ExecRun::ExecRun(const asio::any_io_executor& executor, Reaper& reaper, Process process, agent::ExecRequest request)
    : request_(std::move(request)),
      child_(reaper.adopt(process.pid)),
      input_(executor, process.input.release()),
      output_(executor, process.output.release()),
      error_(executor, process.error.release()),
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
  co_await tasks_.join();
  exchange.stop_watching();
  co_return end_;
}

Awaitable<void> ExecRun::supervise() {
  end_.end = co_await child_->wait();
  deadline_.cancel();
  // The process may have left others that hold its pipes: a pump that waits gets "aborted" and reads what is left.
  boost::system::error_code ignored;
  input_.close(ignored);
  output_.cancel(ignored);
  error_.cancel(ignored);
  producer_ended();
}

Awaitable<void> ExecRun::feed_input() {
  // A process that does not read its input is not an error: EPIPE, or aborted at its end.
  co_await asio::async_write(input_, asio::buffer(request_.input), as_result);
  boost::system::error_code ignored;
  input_.close(ignored);
}

Awaitable<void> ExecRun::pump(stream_descriptor& from, ExecEvent event) {
  std::string piece(kPiece, '\0');
  bool open = true;
  while (open && !child_->ended()) {
    auto [error, n] = co_await from.async_read_some(asio::buffer(piece), as_result);
    open = !error || error == asio::error::operation_aborted;
    co_await push(event, std::string_view(piece).substr(0, n));
  }
  if (open) co_await pump_rest(from, event);
  producer_ended();
}

// What is in the pipe when the process has ended, and no more: others may go on writing for ever.
Awaitable<void> ExecRun::pump_rest(stream_descriptor& from, ExecEvent event) {
  int left = 0;
  if (::ioctl(from.native_handle(), FIONREAD, &left) != 0) co_return;
  std::string piece(kPiece, '\0');
  while (left > 0) {
    const std::size_t most = std::min(piece.size(), static_cast<std::size_t>(left));
    const ssize_t n = ::read(from.native_handle(), piece.data(), most);
    if (n <= 0) co_return;
    left -= static_cast<int>(n);
    co_await push(event, std::string_view(piece).substr(0, static_cast<std::size_t>(n)));
  }
}

Awaitable<void> ExecRun::push(ExecEvent event, std::string_view data) {
  if (data.empty()) co_return;
  ExecFrame frame;
  frame.event = event;
  frame.data = data;
  std::string line = agent::print_json(frame.to_json()) + "\n";
  co_await frames_.push(std::move(line));
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
