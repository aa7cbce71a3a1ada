#include "guest-workloads/agent/exchange.h"

#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include "lib/agent/json_fields.h"

namespace snaphammer::guest {

namespace http = boost::beast::http;

namespace {

unsigned status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return 400;
    case ErrorKind::kUnavailable:
      return 409;
    case ErrorKind::kTimeout:
      return 504;
    default:
      return 500;
  }
}

/// Up to the body, with the field that says where that ends. Put together by hand: under an emulator, code that runs once
/// costs its translation, and the library's way to write a message was a twentieth of all code that a guest runs between
/// its restore and its first answers.
std::string head(unsigned status, std::string_view type, std::string_view framing, bool keep_alive) {
  const auto reason = http::obsolete_reason(http::int_to_status(status));
  std::string bytes = "HTTP/1.1 " + std::to_string(status) + " ";
  bytes.append(reason.data(), reason.size()).append("\r\nContent-Type: ").append(type).append("\r\n");
  bytes.append(framing).append("\r\n");
  if (!keep_alive) bytes += "Connection: close\r\n";
  return bytes + "\r\n";
}

/// RFC 9112, section 7.1.
std::string chunk_of(const std::string& lines) { return fmt::format("{:x}\r\n{}\r\n", lines.size(), lines); }

}  // namespace

void expire_after(HttpStream& stream, Duration limit) {
  if (limit == kForever) {
    stream.expires_never();
  } else {
    stream.expires_after(limit);
  }
}

Exchange::Exchange(HttpStream& stream, HttpRequest request, TimePoint since, const HttpLimits& limits)
    : stream_(stream), request_(std::move(request)), since_(since), limits_(limits) {}

Exchange::~Exchange() { stop_watching(); }

Awaitable<bool> Exchange::send(std::string bytes) {
  expire_after(stream_, limits_.write);
  auto [error, written] = co_await asio::async_write(stream_, asio::buffer(bytes), as_result);
  failed_ = static_cast<bool>(error);
  co_return !failed_;
}

Awaitable<bool> Exchange::respond(unsigned status, const nlohmann::json& body) {
  const std::string content = agent::print_json(body) + "\n";
  const std::string length = "Content-Length: " + std::to_string(content.size());
  answered_ = true;
  co_return co_await send(head(status, "application/json", length, request_.keep_alive()) + content);
}

Awaitable<bool> Exchange::fail(unsigned status, const Error& error) {
  const nlohmann::json body = {{"error", error.message()}, {"advice", error.advice()}};
  co_return co_await respond(status, body);
}

Awaitable<bool> Exchange::fail(const Error& error) { co_return co_await fail(status_of(error.kind()), error); }

Awaitable<bool> Exchange::conclude(Result<void> done) {
  if (!done) co_return co_await fail(done.error());
  const nlohmann::json nothing = nlohmann::json::object();
  co_return co_await respond(200, nothing);
}

Awaitable<bool> Exchange::begin_stream(std::string lines) {
  std::string bytes = head(200, "application/x-ndjson", "Transfer-Encoding: chunked", request_.keep_alive());
  if (!lines.empty()) bytes += chunk_of(lines);
  co_return co_await send(std::move(bytes));
}

Awaitable<bool> Exchange::write(std::string lines) {
  if (lines.empty() || failed_) co_return !failed_;
  co_return co_await send(chunk_of(lines));
}

Awaitable<bool> Exchange::end_stream() {
  answered_ = true;
  if (failed_) co_return false;
  co_return co_await send("0\r\n\r\n");
}

void Exchange::watch_client(std::function<void()> gone) {
  watcher_ = std::make_shared<std::function<void()>>(std::move(gone));
  stream_.socket().async_wait(
      asio::socket_base::wait_read, [watcher = watcher_, &stream = stream_](const boost::system::error_code& error) {
        if (!*watcher) return;  // The exchange has ended, and `stream` may be gone.
        // Readable is either the end of the connection or more bytes; only looking tells.
        char byte = 0;
        const ssize_t n = ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (error || n == 0 || (n < 0 && errno != EAGAIN)) (*watcher)();
      });
}

void Exchange::stop_watching() {
  if (!watcher_) return;
  *watcher_ = nullptr;  // A wait that has ended already finds nothing to call.
  watcher_.reset();
  boost::system::error_code ignored;
  stream_.socket().cancel(ignored);
}

}  // namespace snaphammer::guest
