// One HTTP request through the hybrid vsock door, and its answer. Internal to the client.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

#include "lib/agent/client.h"
#include "lib/base/async.h"

namespace snaphammer::agent {

struct HttpCall {
  std::string method;
  std::string target;
  std::string body;  ///< JSON, or empty.

  /// "agent: POST /exec", for messages.
  std::string describe() const { return "agent: " + method + " " + target; }
};

/// Gets each line of a stream, without its newline; an error ends the call with that error.
using OnLine = std::function<Result<void>(std::string_view)>;

/// Makes the call and returns the body of a successful answer. `limit` is for all of it.
Async<std::string> call_for_body(asio::any_io_executor executor, std::filesystem::path door, ClientOptions options,
                                 HttpCall call, Duration limit);

/// Makes the call and hands over the lines of a successful answer as they come. `on_line` is used until it returns.
/// `silence` is how long nothing may come: an answer may take as long as there is something to say.
Async<void> call_for_lines(asio::any_io_executor executor, std::filesystem::path door, ClientOptions options,
                           HttpCall call, Duration silence, OnLine on_line);

/// Text of a guest made fit for a message: one line, no control characters, bounded.
std::string printable(std::string_view text);

}  // namespace snaphammer::agent
