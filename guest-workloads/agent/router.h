// Which handler answers which request.
//
//   Router router;
//   router.add("GET", "/health", [&](Exchange& exchange) { return health.answer(exchange); });
//   router.add("POST", "/workloads/{as}/check", ...);      // exchange.parameter() is what {as} matched
//
// A handler is a plain function that returns a coroutine; it must not be a coroutine lambda with captures.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "guest-workloads/agent/exchange.h"

namespace snaphammer::guest {

class Router {
 public:
  using Handler = std::function<Awaitable<void>(Exchange&)>;

  /// `pattern` has at most one {name}, which matches one path segment.
  void add(std::string method, std::string pattern, Handler handler);

  /// Calls the handler that fits, or answers 404 or 405.
  Awaitable<void> handle(Exchange& exchange) const;

 private:
  struct Route {
    std::string method;
    std::string prefix;  ///< Before {name}; all of it without one.
    std::string suffix;  ///< After {name}.
    bool has_parameter;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace snaphammer::guest
