#include "guest-workloads/agent/ports/forwarder.h"

#include <array>
#include <optional>

#include <poll.h>

#include "guest-workloads/agent/line_reader.h"
#include "lib/base/start_task.h"

namespace snaphammer::guest {
namespace {

// socat's messages: "2026/11/21 11:27:08 socat[4711] N listening on AF=40 cid:4294967295 port:73616".
constexpr std::string_view kListeningLine = "] N listening on ";
constexpr std::string_view kError = "] E ";
constexpr std::size_t kLongestComplaint = 200;

bool has_writer(int pipe) {
  pollfd state{pipe, 0, 0};
  return ::poll(&state, 1, 0) == 0 || (state.revents & POLLHUP) == 0;
}

}  // namespace

Forwarder::Forwarder(const asio::any_io_executor& executor, std::shared_ptr<Child> child, Process process)
    : child_(std::move(child)), messages_(executor, process.error.release()), gone_(executor) {}

Result<std::shared_ptr<Forwarder>> Forwarder::start(const asio::any_io_executor& executor, Reaper& reaper,
                                                    const Command& command) {
  SNAP_ASSIGN(Process process, spawn(command));
  auto child = reaper.adopt(process.pid);
  std::shared_ptr<Forwarder> forwarder(new Forwarder(executor, std::move(child), std::move(process)));
  start_task(executor, forwarder->read_messages());
  start_task(executor, forwarder->await_end());
  return forwarder;
}

std::string Forwarder::complaint() const {
  if (!complaint_.empty()) return complaint_;
  return ended() ? "the forwarder " + child_->end().describe() : "";
}

Awaitable<void> Forwarder::wait_gone() {
  const auto self = shared_from_this();
  static_cast<void>(co_await gone_.wait());
}

Awaitable<void> Forwarder::read_messages() {
  const auto self = shared_from_this();
  std::array<char, 4096> piece;
  LineReader lines;
  while (true) {
    auto [error, n] = co_await messages_.async_read_some(asio::buffer(piece), as_result);
    if (error) break;
    lines.add({piece.data(), n});
    while (const std::optional<std::string> line = lines.next()) take_message(*line);
  }
  messages_.close();
  part_ended();
}

void Forwarder::take_message(std::string_view line) {
  if (line.find(kListeningLine) != std::string_view::npos) listening_ = true;
  const std::size_t error = line.find(kError);
  if (error != std::string_view::npos) complaint_ = line.substr(error + kError.size(), kLongestComplaint);
}

Awaitable<void> Forwarder::await_end() {
  const auto self = shared_from_this();
  co_await child_->wait();
  // Processes that it forked for connections may be left. They are of its group, whose number is not another's while
  // there is one of them.
  if (messages_.is_open() && has_writer(messages_.native_handle())) ::kill(-child_->pid(), SIGKILL);
  part_ended();
}

void Forwarder::part_ended() {
  if (--parts_ == 0) gone_.set();
}

}  // namespace snaphammer::guest
