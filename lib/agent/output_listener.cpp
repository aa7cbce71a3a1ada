#include "lib/agent/output_listener.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <unistd.h>

#include "lib/agent/json_fields.h"
#include "lib/base/notice.h"

namespace snaphammer::agent {

using Local = asio::local::stream_protocol;

// Shared with the coroutines, which may end a turn later than the listener itself.
struct OutputListener::State {
  State(const asio::any_io_executor& executor, std::filesystem::path at, OnLine line, OutputTaken which)
      : path(std::move(at)),
        taken(which),
        on_line(std::move(line)),
        acceptor(executor),
        current(executor),
        changed(executor) {}

  std::filesystem::path path;
  OutputTaken taken;
  OnLine on_line;  ///< Empty once the listener is destroyed.
  Local::acceptor acceptor;
  Local::socket current;         ///< The connection that counts.
  std::uint64_t generation = 0;  ///< Of `current`, so that an older reader knows that it was replaced.
  bool greeted = false;          ///< `current` has said ready.
  bool closed = false;
  Ready latest;
  std::uint64_t expected_seq = 0;  ///< 0: no line or ready yet.
  std::uint64_t promised_seq = 0;  ///< The same by the word of `current` alone.
  std::optional<Gap> gap;
  std::optional<Error> violation;
  Notice changed;

  Result<void> take(std::string_view line);
  Result<void> take_ready(const nlohmann::json& json);
  void violate(Error error) {
    if (!violation) violation = std::move(error).in("the guest's output");
  }
  void note_gap(std::uint64_t seq);
  static Async<Ready> wait_ready(std::shared_ptr<State> state, std::uint64_t after_epoch);
  static Async<void> wait_caught_up(std::shared_ptr<State> state, std::uint64_t epoch, std::uint64_t seq);
  static Awaitable<void> accept_connections(std::shared_ptr<State> state);
  static Awaitable<void> read_lines(std::shared_ptr<State> state, std::uint64_t generation);
};

Result<void> OutputListener::State::take_ready(const nlohmann::json& json) {
  SNAP_ASSIGN(latest, Ready::from_json(json));
  if (latest.epoch == 0) return Error(ErrorKind::kInvalid, "ready line: epoch 0");
  greeted = true;
  promised_seq = latest.next_seq;
  // A lower number than expected is an earlier life of the guest, restored: its lines are counted from there.
  if (latest.next_seq < expected_seq || expected_seq == 0) expected_seq = latest.next_seq;
  return {};
}

Result<void> OutputListener::State::take(std::string_view text) {
  SNAP_ASSIGN(const nlohmann::json json, parse_json(text));
  if (!greeted) return take_ready(json);
  SNAP_ASSIGN(OutputLine line, OutputLine::from_json(json));
  if (line.seq < expected_seq) {
    return Error(ErrorKind::kInvalid,
                 "output line " + std::to_string(line.seq) + " came after line " + std::to_string(expected_seq - 1));
  }
  line.lost_before = line.seq - expected_seq;
  note_gap(line.seq);
  expected_seq = promised_seq = line.seq + 1;
  if (on_line) on_line(line);
  return {};
}

void OutputListener::State::note_gap(std::uint64_t seq) {
  if (seq <= promised_seq) return;
  if (!gap) gap = Gap{.after_seq = promised_seq - 1, .lines = 0};
  gap->lines += seq - promised_seq;
}

Awaitable<void> OutputListener::State::read_lines(std::shared_ptr<State> state, std::uint64_t generation) {
  std::string buffer;
  const auto counts = [&] { return !state->closed && state->generation == generation; };
  while (counts()) {
    auto [error, length] =
        co_await asio::async_read_until(state->current, asio::dynamic_buffer(buffer, kMaxLine), '\n', as_result);
    if (!counts()) co_return;
    Result<void> taken;
    if (error == asio::error::not_found) {
      taken = Error(ErrorKind::kInvalid, "a line is longer than 64KiB");
    } else if (error) {
      break;
    } else {
      taken = state->take(std::string_view(buffer).substr(0, length - 1));
      buffer.erase(0, length);
    }
    if (!taken) {
      state->violate(std::move(taken).error());
      break;
    }
    state->changed.notify();
    if (!counts()) co_return;
  }
  boost::system::error_code ignored;
  state->current.close(ignored);
  state->greeted = false;
  state->changed.notify();
}

Awaitable<void> OutputListener::State::accept_connections(std::shared_ptr<State> state) {
  while (!state->closed) {
    auto [error, socket] = co_await state->acceptor.async_accept(as_result);
    if (state->closed) co_return;
    if (error == asio::error::connection_aborted) continue;
    if (error) {
      state->violate(asio_error("accept", error));
      state->changed.notify();
      co_return;
    }
    state->current = std::move(socket);
    state->greeted = false;
    ++state->generation;
    asio::co_spawn(state->acceptor.get_executor(), read_lines(state, state->generation), asio::detached);
    if (state->taken == OutputTaken::kFirst) co_return;
  }
}

OutputListener::OutputListener(std::shared_ptr<State> state) : state_(std::move(state)) {}

OutputListener::~OutputListener() {
  state_->closed = true;
  state_->on_line = nullptr;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->current.close(ignored);
  state_->changed.notify();
  ::unlink(state_->path.c_str());
}

Result<std::unique_ptr<OutputListener>> OutputListener::listen(const asio::any_io_executor& executor,
                                                               const std::filesystem::path& door, OnLine on_line,
                                                               OutputTaken taken) {
  const std::string path = door.string() + "_" + std::to_string(kOutputPort);
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error(ErrorKind::kInvalid, "listen on " + path + ": too long for a Unix socket");
  }
  auto state = std::make_shared<State>(executor, path, std::move(on_line), taken);
  boost::system::error_code error;
  state->acceptor.open(Local(), error);
  if (!error) state->acceptor.bind(Local::endpoint(path), error);
  if (!error) state->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return asio_error("listen on " + path, error);
  asio::co_spawn(executor, State::accept_connections(state), asio::detached);
  return std::unique_ptr<OutputListener>(new OutputListener(std::move(state)));
}

// Not a coroutine itself: the listener may be gone when the one that waits first runs.
Async<Ready> OutputListener::wait_ready(std::uint64_t after_epoch) { return State::wait_ready(state_, after_epoch); }

Async<Ready> OutputListener::State::wait_ready(std::shared_ptr<State> state, std::uint64_t after_epoch) {
  while (true) {
    if (state->violation) co_return *state->violation;
    if (state->closed) co_return Error(ErrorKind::kCancelled, "wait for the guest to be ready: cancelled");
    if (state->greeted && state->latest.epoch > after_epoch) co_return state->latest;
    CO_SNAP_TRY(co_await state->changed.wait());
  }
}

Async<void> OutputListener::wait_caught_up(std::uint64_t epoch, std::uint64_t seq) {
  return State::wait_caught_up(state_, epoch, seq);
}

Async<void> OutputListener::State::wait_caught_up(std::shared_ptr<State> state, std::uint64_t epoch,
                                                  std::uint64_t seq) {
  while (true) {
    if (state->violation) co_return *state->violation;
    if (state->closed) co_return Error(ErrorKind::kCancelled, "wait for the guest's output: cancelled");
    if (state->greeted && state->latest.epoch >= epoch && state->promised_seq >= seq) co_return Result<void>();
    CO_SNAP_TRY(co_await state->changed.wait());
  }
}

const std::optional<OutputListener::Gap>& OutputListener::gap() const { return state_->gap; }
std::uint64_t OutputListener::next_seq() const { return state_->promised_seq; }
const Ready& OutputListener::latest() const { return state_->latest; }
bool OutputListener::connected() const { return state_->greeted; }
const std::optional<Error>& OutputListener::violation() const { return state_->violation; }

}  // namespace snaphammer::agent
