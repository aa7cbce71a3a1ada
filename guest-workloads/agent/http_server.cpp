#include "guest-workloads/agent/http_server.h"

#include <algorithm>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <unistd.h>

#include "lib/base/start_task.h"

namespace snaphammer::guest {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

struct Refusal {
  unsigned status;
  Error error;
};

// What to answer to a request that could not be read; nothing when the client is gone or too slow:
// a deadline that passes has closed the stream.
std::optional<Refusal> refusal_for(const beast::error_code& error, const HttpLimits& limits) {
  if (error == http::error::end_of_stream) return std::nullopt;
  if (error == http::error::header_limit) {
    return Refusal{431, Error(ErrorKind::kInvalid, "the header is longer than " + format_bytes(limits.header_bytes))};
  }
  if (error == http::error::body_limit) {
    return Refusal{413, Error(ErrorKind::kInvalid, "the body is longer than " + format_bytes(limits.body_bytes))};
  }
  if (error.category() == http::make_error_code(http::error::bad_version).category()) {
    return Refusal{400, Error(ErrorKind::kInvalid, "not an HTTP/1.1 request: " + error.message())};
  }
  return std::nullopt;
}

}  // namespace

HttpServer::HttpServer(Acceptor acceptor, const Router& router, HttpLimits limits)
    : acceptor_(std::move(acceptor)), router_(router), given_limits_(limits), limits_(limits) {}

void HttpServer::start() { start_task(acceptor_.get_executor(), accept()); }

void HttpServer::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  if (stale_) stale_->close(ignored);
  unserved_.clear();
  for (Connection& connection : connections_) connection.stream.close();
}

void HttpServer::set_policy(const agent::AgentPolicy& policy) {
  limits_ = policy.http_limits == agent::ClientLimits::kOn ? given_limits_ : given_limits_.without_end();
  accept_loop_ = policy.accept;
}

bool HttpServer::register_listener_again() { return register_again(acceptor_); }

bool HttpServer::register_listener_twice() {
  if (!register_again(acceptor_)) return false;
  boost::system::error_code error;
  const Protocol protocol = acceptor_.local_endpoint(error).protocol();
  const int again = error ? -1 : ::dup(acceptor_.native_handle());
  if (again < 0) return false;
  if (stale_) stale_->close(error);
  stale_ = std::make_unique<Acceptor>(acceptor_.get_executor());
  stale_->assign(protocol, again, error);
  if (error) {
    ::close(again);
    return false;
  }
  start_task(acceptor_.get_executor(), accept_for_nobody());
  return true;
}

Awaitable<void> HttpServer::accept_for_nobody() {
  auto [error, socket] = co_await stale_->async_accept(as_result);
  if (!error && !stopped_) unserved_.push_back(std::move(socket));
}

void HttpServer::close_idle(TimePoint when) {
  for (Connection& connection : connections_) {
    if (connection.waits && connection.waits_since < when) connection.stream.close();
  }
}

Awaitable<void> HttpServer::accept() {
  while (!stopped_) {
    auto [error, socket] = co_await acceptor_.async_accept(as_result);
    if (stopped_ || !acceptor_.is_open()) co_return;
    const std::optional<Position> position = error ? std::nullopt : admit(std::move(socket));
    if (position && accept_loop_ == agent::AcceptLoop::kSerial) {
      co_await serve(*position);
    } else if (position) {
      start_task(acceptor_.get_executor(), serve(*position));
    }
    // An error is one connection that broke before it was accepted, no descriptor left, or a listener that is
    // being registered anew: in each case the next accept is right. make_room() bounds the descriptors.
    if (error == asio::error::no_descriptors) make_room();
  }
}

std::optional<HttpServer::Position> HttpServer::admit(Socket socket) {
  // With no room the new socket is closed here: that says so at once, and a client may ask again.
  if (connections_.size() >= limits_.connections && !make_room()) return std::nullopt;
  return connections_.insert(connections_.end(), Connection{HttpStream(std::move(socket))});
}

// Half-open and slow clients must not keep others out: the one that has waited longest for its request goes.
bool HttpServer::make_room() {
  const auto longest =
      std::min_element(connections_.begin(), connections_.end(), [](const Connection& a, const Connection& b) {
        if (a.waits != b.waits) return a.waits;
        return a.waits_since < b.waits_since;
      });
  if (longest == connections_.end() || !longest->waits) return false;
  longest->stream.close();
  longest->waits = false;  // Its coroutine ends soon; until then it must not be chosen again.
  return true;
}

Awaitable<void> HttpServer::serve(Position connection) {
  co_await serve_requests(*connection);
  connections_.erase(connection);
}

Awaitable<void> HttpServer::serve_requests(Connection& connection) {
  HttpStream& stream = connection.stream;
  beast::flat_buffer buffer(limits_.header_bytes + limits_.body_bytes);
  bool keep_alive = true;
  while (keep_alive && !stopped_) {
    connection.waits = true;
    connection.waits_since = SteadyClock::now();
    if (buffer.size() == 0) {
      expire_after(stream, limits_.idle);
      auto [error, n] = co_await stream.async_read_some(buffer.prepare(2048), as_result);
      if (error) co_return;
      buffer.commit(n);
    }

    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser.body_limit(limits_.body_bytes);
    expire_after(stream, limits_.header);
    auto [header_error, header_bytes] = co_await http::async_read_header(stream, buffer, parser, as_result);
    beast::error_code failed = header_error;
    if (!failed) {
      expire_after(stream, limits_.body);
      auto [body_error, body_bytes] = co_await http::async_read(stream, buffer, parser, as_result);
      failed = body_error;
    }
    connection.waits = false;
    const std::optional<Refusal> refusal = failed ? refusal_for(failed, limits_) : std::nullopt;
    if (failed && !refusal) co_return;

    Exchange exchange(stream, parser.release(), connection.waits_since, limits_);
    if (refusal) {
      co_await exchange.fail(refusal->status, refusal->error);
      co_return;
    }
    co_await router_.handle(exchange);
    keep_alive = exchange.keep_alive();
  }
}

}  // namespace snaphammer::guest
