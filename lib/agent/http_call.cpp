#include "lib/agent/http_call.h"

#include <algorithm>
#include <array>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "lib/agent/json_fields.h"
#include "lib/vsock/door_client.h"

namespace snaphammer::agent {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Local = asio::local::stream_protocol;

namespace {

constexpr unsigned kHttp11 = 11;
constexpr std::size_t kMaxHeader = 16_KiB;
constexpr std::size_t kMaxErrorBody = 64_KiB;
constexpr std::size_t kMaxMessage = 2048;

// A connection through the door, and what was read beyond the door's greeting.
struct DoorConnection {
  Local::socket socket;
  beast::flat_buffer buffer;
};

Async<DoorConnection> open_door(asio::any_io_executor executor, std::filesystem::path door) {
  CO_SNAP_ASSIGN(vsock::DoorConnection opened, co_await vsock::connect_through(executor, std::move(door), kAgentPort));
  DoorConnection connection{std::move(opened.socket), {}};
  asio::buffer_copy(connection.buffer.prepare(opened.rest.size()), asio::buffer(opened.rest));
  connection.buffer.commit(opened.rest.size());
  co_return connection;
}

Async<DoorConnection> send_request(asio::any_io_executor executor, std::filesystem::path door, ClientOptions options,
                                   HttpCall call) {
  const std::string what = "the vsock door";
  CO_SNAP_ASSIGN(DoorConnection connection,
                 co_await with_deadline(options.connect_timeout, what, open_door(executor, std::move(door))));
  http::request<http::string_body> request;
  request.version(kHttp11);
  request.method_string(call.method);
  request.target(call.target);
  request.set(http::field::host, "guest");
  request.keep_alive(false);
  request.body() = std::move(call.body);
  request.prepare_payload();
  auto [error, written] = co_await http::async_write(connection.socket, request, as_result);
  // An agent that refuses a request may close before it has read all of it; its answer says why.
  if (error && error != asio::error::broken_pipe) co_return asio_error("send the request", error);
  co_return connection;
}

// Beast's words for what can go wrong with an answer, in ours.
Error answer_error(const beast::error_code& error) {
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return Error(ErrorKind::kGone, "the connection ended before the answer did");
  }
  if (error.category() == http::make_error_code(http::error::bad_version).category()) {
    return Error(ErrorKind::kInvalid, "not a valid HTTP answer: " + error.message());
  }
  return asio_error("read the answer", error);
}

ErrorKind kind_of_status(unsigned status) {
  switch (status) {
    case 409:
    case 503:
      return ErrorKind::kUnavailable;
    case 408:
    case 504:
      return ErrorKind::kTimeout;
    default:
      return status < 500 ? ErrorKind::kInvalid : ErrorKind::kIo;
  }
}

// An answer that is an error: {"error", "advice"}, or whatever else it holds.
Error refusal(unsigned status, std::string_view body) {
  const Result<nlohmann::json> json = parse_json(body);
  if (json) {
    JsonFields fields(*json, "error");
    const std::string message = fields.text("error");
    const std::string advice = fields.text("advice", "");
    if (fields.finish()) return Error(kind_of_status(status), printable(message)).advise(printable(advice));
  }
  return Error(kind_of_status(status), "HTTP status " + std::to_string(status) + ": " + printable(body));
}

// Cuts what comes into lines.
class LineSplitter {
 public:
  Result<void> take(std::string_view bytes, const OnLine& on_line) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      pending_ += bytes.substr(0, end);
      if (pending_.size() > kMaxLine) return Error(ErrorKind::kInvalid, "a line is longer than 64KiB");
      if (end == std::string_view::npos) break;
      SNAP_TRY(on_line(pending_));
      pending_.clear();
      bytes.remove_prefix(end + 1);
    }
    return {};
  }
  Result<void> finish() const {
    if (!pending_.empty()) return Error(ErrorKind::kInvalid, "the last line has no end");
    return {};
  }

 private:
  std::string pending_;
};

using Parser = http::response_parser<http::buffer_body>;

Async<void> read_header(DoorConnection& connection, Parser& parser) {
  auto [error, bytes] = co_await http::async_read_header(connection.socket, connection.buffer, parser, as_result);
  if (error) co_return answer_error(error);
  co_return Result<void>();
}

// Returns what has come of the body: at least a byte, unless that was all.
Async<std::string_view> read_some(DoorConnection& connection, Parser& parser, std::string& space) {
  parser.get().body().data = space.data();
  parser.get().body().size = space.size();
  auto [error, bytes] = co_await http::async_read_some(connection.socket, connection.buffer, parser, as_result);
  if (error && error != http::error::need_buffer) co_return answer_error(error);
  co_return std::string_view(space).substr(0, space.size() - parser.get().body().size);
}

// Reads the answer's header, then hands the body over piece by piece.
Async<void> read_answer(DoorConnection connection, Duration silence, OnLine on_bytes) {
  const std::string what = "wait for its answer";
  Parser parser;
  parser.header_limit(kMaxHeader);
  parser.body_limit(boost::none);
  CO_SNAP_TRY(co_await with_deadline(silence, what, read_header(connection, parser)));
  const unsigned status = parser.get().result_int();
  const bool refused = status != 200;

  std::string error_body;
  std::string space(32_KiB, '\0');
  while (!parser.is_done()) {
    CO_SNAP_ASSIGN(const std::string_view piece,
                   co_await with_deadline(silence, what, read_some(connection, parser, space)));
    if (refused) {
      error_body += piece.substr(0, kMaxErrorBody - error_body.size());
    } else {
      CO_SNAP_TRY(on_bytes(piece));
    }
  }
  if (refused) co_return refusal(status, error_body);
  co_return Result<void>();
}

Async<void> make_call(asio::any_io_executor executor, std::filesystem::path door, ClientOptions options, HttpCall call,
                      Duration silence, OnLine on_bytes) {
  Async<DoorConnection> sending = send_request(executor, std::move(door), options, std::move(call));
  CO_SNAP_ASSIGN(DoorConnection connection, co_await with_deadline(silence, "send the request", std::move(sending)));
  Async<void> reading = read_answer(std::move(connection), silence, std::move(on_bytes));
  co_return co_await std::move(reading);
}

}  // namespace

Async<std::string> call_for_body(asio::any_io_executor executor, std::filesystem::path door, ClientOptions options,
                                 HttpCall call, Duration limit) {
  std::string body;
  const OnLine collect = [&body, most = options.max_response](std::string_view bytes) -> Result<void> {
    if (body.size() + bytes.size() > most) {
      return Error(ErrorKind::kInvalid, "the answer is longer than " + format_bytes(most));
    }
    body += bytes;
    return {};
  };
  const std::string what = call.describe();
  Async<void> calling = make_call(executor, std::move(door), options, std::move(call), limit, collect);
  auto made = co_await with_deadline(limit, "wait for its answer", std::move(calling));
  if (!made) co_return std::move(made).error().in(what);
  co_return body;
}

Async<void> call_for_lines(asio::any_io_executor executor, std::filesystem::path door, ClientOptions options,
                           HttpCall call, Duration silence, OnLine on_line) {
  LineSplitter splitter;
  const OnLine split = [&](std::string_view bytes) { return splitter.take(bytes, on_line); };
  const std::string what = call.describe();
  Async<void> calling = make_call(executor, std::move(door), options, std::move(call), silence, split);
  auto made = co_await std::move(calling);
  if (!made) co_return std::move(made).error().in(what);
  co_return splitter.finish();
}

std::string printable(std::string_view text) {
  std::string result(text.substr(0, kMaxMessage));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return result;
}

}  // namespace snaphammer::agent
