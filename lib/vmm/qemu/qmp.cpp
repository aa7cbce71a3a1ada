#include "lib/vmm/qemu/qmp.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <sys/socket.h>

#include "lib/base/descriptor_message.h"

namespace snaphammer::vmm {
namespace {

// The longest answer in use is a few KiB. The bound is for a peer that never ends its line.
constexpr std::size_t kMaxLine = 1 << 20;

Error protocol_error(std::string_view what, std::string_view line) {
  constexpr std::size_t kShown = 120;
  return Error(ErrorKind::kInvalid, "QMP: " + std::string(what) + ": " + std::string(line.substr(0, kShown)) +
                                        (line.size() > kShown ? "..." : ""));
}

// Sends all of `line`, which the socket's empty buffer has room for many times over, and `descriptor` with it.
Result<void> send_line(int socket, std::string_view line, int descriptor) {
  const std::array<int, 1> descriptors = {descriptor};
  const std::size_t along = descriptor >= 0 ? 1 : 0;
  const ssize_t sent =
      send_with_descriptors(socket, line, std::span(descriptors).first(along), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return Error(ErrorKind::kUnavailable, "QMP: the VMM does not read its monitor any more");
  }
  if (sent < 0) return errno_error("QMP: send");
  if (static_cast<std::size_t>(sent) != line.size()) {
    ::shutdown(socket, SHUT_RDWR);  // Half a command cannot be taken back.
    return Error(ErrorKind::kGone, "QMP: the VMM stopped reading in the middle of a command");
  }
  return {};
}

}  // namespace

struct QmpReply::Pending {
  Pending(const asio::any_io_executor& executor, std::string_view name) : command(name), answered(executor) {}

  void answer(Result<Json> value) {
    result = std::move(value);
    answered.set();
  }

  std::string command;
  Event answered;
  std::optional<Result<Json>> result;
};

Async<Json> QmpReply::result() {
  const std::shared_ptr<Pending> pending = pending_;
  CO_SNAP_TRY(co_await pending->answered.wait());
  co_return *std::move(pending->result);
}

class QmpClient::Connection {
 public:
  Connection(const asio::any_io_executor& executor, UniqueFd socket, Callbacks callbacks)
      : executor_(executor),
        socket_(executor, asio::local::stream_protocol(), socket.release()),
        callbacks_(std::move(callbacks)) {}

  Result<QmpReply> post(std::string_view command, const Json& arguments, int descriptor) {
    if (ended_) return *ended_;
    Json message = {{"execute", command}, {"id", next_id_}};
    if (!arguments.is_null()) message["arguments"] = arguments;
    SNAP_TRY(send_line(socket_.native_handle(), message.dump() + "\n", descriptor));
    auto pending = std::make_shared<QmpReply::Pending>(executor_, command);
    pending_.emplace(next_id_++, pending);
    return QmpReply(std::move(pending));
  }

  // Reads until the connection ends, and then says so to everyone who waits.
  static Awaitable<void> read(std::shared_ptr<Connection> connection) {
    connection->end(co_await connection->read_lines());
  }

  void end(Error reason) {
    if (ended_) return;
    ended_ = std::move(reason);
    boost::system::error_code ignored;
    socket_.close(ignored);
    for (auto& [id, pending] : std::exchange(pending_, {})) {
      pending->answer(ended_->in("QMP " + pending->command));
    }
    if (auto on_closed = std::exchange(callbacks_, {}).on_closed) on_closed(*ended_);
  }

  void forget_callbacks() { callbacks_ = {}; }

 private:
  Awaitable<Error> read_lines() {
    std::string buffer;
    while (true) {
      auto [error, length] =
          co_await asio::async_read_until(socket_, asio::dynamic_buffer(buffer, kMaxLine), '\n', as_result);
      if (error == asio::error::not_found) co_return protocol_error("line too long", buffer);
      if (error) co_return asio_error("QMP", error);
      const Result<void> understood = take(std::string_view(buffer).substr(0, length - 1));
      if (!understood) co_return understood.error();
      if (ended_) co_return *ended_;
      buffer.erase(0, length);
    }
  }

  Result<void> take(std::string_view line) {
    const Json message = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!message.is_object()) return protocol_error("not a JSON object", line);
    if (!greeted_) {
      if (!message.contains("QMP")) return protocol_error("not a greeting", line);
      greeted_ = true;
      return {};
    }
    if (message.contains("event")) return take_event(message, line);
    if (message.contains("return")) return take_answer(message, message["return"], line);
    if (message.contains("error")) return take_refusal(message, line);
    return protocol_error("neither an answer nor an event", line);
  }

  Result<void> take_event(const Json& message, std::string_view line) {
    QmpEvent event{.name = {}, .data = message.value("data", Json::object())};
    if (!message["event"].is_string() || !event.data.is_object()) {
      return protocol_error("malformed event", line);
    }
    event.name = message["event"];
    if (callbacks_.on_event) callbacks_.on_event(event);
    return {};
  }

  Result<void> take_refusal(const Json& message, std::string_view line) {
    const Json& error = message["error"];
    const auto has_text = [&error](const char* key) { return error.contains(key) && error[key].is_string(); };
    if (!error.is_object() || !has_text("class") || !has_text("desc")) {
      return protocol_error("malformed error", line);
    }
    return take_answer(
        message,
        Error(ErrorKind::kUnavailable, error["class"].get<std::string>() + ": " + error["desc"].get<std::string>()),
        line);
  }

  Result<void> take_answer(const Json& message, Result<Json> answer, std::string_view line) {
    if (!message.contains("id") || !message["id"].is_number_unsigned()) {
      return protocol_error("answer to no command", line);
    }
    const auto found = pending_.find(message["id"].get<std::uint64_t>());
    if (found == pending_.end()) return protocol_error("answer to no command", line);
    const auto pending = std::move(found->second);
    pending_.erase(found);
    if (!answer) answer = tl::unexpected(answer.error().in("QMP " + pending->command));
    pending->answer(std::move(answer));
    return {};
  }

  asio::any_io_executor executor_;
  asio::local::stream_protocol::socket socket_;
  Callbacks callbacks_;
  bool greeted_ = false;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::shared_ptr<QmpReply::Pending>> pending_;  // Sent, not answered.
  std::optional<Error> ended_;
};

QmpClient::QmpClient(const asio::any_io_executor& executor, UniqueFd socket, Callbacks callbacks)
    : connection_(std::make_shared<Connection>(executor, std::move(socket), std::move(callbacks))) {
  asio::co_spawn(executor, Connection::read(connection_), asio::detached);
}

QmpClient::~QmpClient() {
  connection_->forget_callbacks();
  connection_->end(Error(ErrorKind::kCancelled, "the connection was given up"));
}

Result<QmpReply> QmpClient::post(std::string_view command, const Json& arguments, int descriptor) {
  return connection_->post(command, arguments, descriptor);
}

Async<Json> QmpClient::execute(std::string command, Json arguments, int descriptor) {
  CO_SNAP_ASSIGN(QmpReply reply, post(command, arguments, descriptor));
  co_return co_await reply.result();
}

}  // namespace snaphammer::vmm
