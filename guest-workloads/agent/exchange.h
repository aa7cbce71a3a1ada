// One HTTP request and the way to answer it.
//
//   co_await exchange.respond(200, report.to_json());                    // the whole answer, or
//   co_await exchange.fail(404, Error(...));                             // an error as JSON, or
//   co_await exchange.begin_stream(first_lines);                         // a chunked body of JSON lines:
//   co_await exchange.write(more_lines);                                 //   each write one chunk
//   co_await exchange.end_stream();
//
// A handler answers exactly once; a failed write returns false, as the client is gone then. One write at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <nlohmann/json_fwd.hpp>

#include "guest-workloads/agent/http_limits.h"
#include "lib/base/async.h"

namespace snaphammer::guest {

using HttpStream = boost::beast::basic_stream<asio::generic::stream_protocol, asio::any_io_executor>;
using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// Closes `stream` when what is awaited on it from now on takes longer; kForever: never.
void expire_after(HttpStream& stream, Duration limit);

class Exchange {
 public:
  /// `since`: when its connection was accepted, or had its last answer.
  Exchange(HttpStream& stream, HttpRequest request, TimePoint since, const HttpLimits& limits);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const HttpRequest& request() const { return request_; }
  /// Of two clients that connect one after the other, the first one's is earlier, whichever request is read first.
  TimePoint since() const { return since_; }
  /// What the pattern's {name} matched: "zp" of "/workloads/zp/check". Set by the router.
  const std::string& parameter() const { return parameter_; }
  void set_parameter(std::string_view parameter) { parameter_ = parameter; }

  Awaitable<bool> respond(unsigned status, const nlohmann::json& body);
  /// {"error", "advice"} with `status`, or with the one that the error's kind suggests.
  Awaitable<bool> fail(unsigned status, const Error& error);
  Awaitable<bool> fail(const Error& error);
  /// {} when it was done, or its error.
  Awaitable<bool> conclude(Result<void> done);

  Awaitable<bool> begin_stream(std::string lines);
  Awaitable<bool> write(std::string lines);
  Awaitable<bool> end_stream();

  /// From now on calls `gone` once when the client closes its connection or it is reset, until stop_watching()
  /// or the exchange's end. A client that sends more before it has its answer is no longer watched.
  void watch_client(std::function<void()> gone);
  /// Not while a write is under way.
  void stop_watching();

  /// Whether a further request may follow on this connection.
  bool keep_alive() const { return answered_ && !failed_ && request_.keep_alive(); }

 private:
  Awaitable<bool> send(std::string bytes);

  HttpStream& stream_;
  HttpRequest request_;
  const TimePoint since_;
  const HttpLimits& limits_;
  std::string parameter_;
  std::shared_ptr<std::function<void()>> watcher_;
  bool answered_ = false;
  bool failed_ = false;
};

}  // namespace snaphammer::guest
