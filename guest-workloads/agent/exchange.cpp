#include "guest-workloads/agent/exchange.h"

#include <array>

#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>
#include <sys/socket.h>

#include "lib/agent/json_fields.h"

namespace snaphammer::guest {

namespace http = boost::beast::http;

namespace {

constexpr unsigned kHttp11 = 11;

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

Awaitable<bool> Exchange::respond(unsigned status, const nlohmann::json& body) {
  http::response<http::string_body> response(http::int_to_status(status), kHttp11);
  response.set(http::field::content_type, "application/json");
  response.keep_alive(request_.keep_alive());
  response.body() = agent::print_json(body) + "\n";
  response.prepare_payload();
  expire_after(stream_, limits_.write);
  auto [error, written] = co_await http::async_write(stream_, response, as_result);
  answered_ = true;
  failed_ = static_cast<bool>(error);
  co_return !failed_;
}

Awaitable<bool> Exchange::fail(unsigned status, const Error& error) {
  const nlohmann::json body = {{"error", error.message()}, {"advice", error.advice()}};
  co_return co_await respond(status, body);
}

Awaitable<bool> Exchange::fail(const Error& error) { co_return co_await fail(status_of(error.kind()), error); }

Awaitable<bool> Exchange::begin_stream(std::string lines) {
  http::response<http::empty_body> response(http::status::ok, kHttp11);
  response.set(http::field::content_type, "application/x-ndjson");
  response.keep_alive(request_.keep_alive());
  response.chunked(true);
  http::response_serializer<http::empty_body> serializer(response);
  expire_after(stream_, limits_.write);
  auto [error, written] = co_await http::async_write_header(stream_, serializer, as_result);
  failed_ = static_cast<bool>(error);
  co_return co_await write(std::move(lines));
}

Awaitable<bool> Exchange::write(std::string lines) {
  if (lines.empty() || failed_) co_return !failed_;
  expire_after(stream_, limits_.write);
  auto [error, written] = co_await asio::async_write(stream_, http::make_chunk(asio::buffer(lines)), as_result);
  failed_ = static_cast<bool>(error);
  co_return !failed_;
}

Awaitable<bool> Exchange::end_stream() {
  expire_after(stream_, limits_.write);
  auto [error, written] = co_await asio::async_write(stream_, http::make_chunk_last(), as_result);
  answered_ = true;
  failed_ = static_cast<bool>(error);
  co_return !failed_;
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
