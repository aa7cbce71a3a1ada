#include "guest-workloads/agent/router.h"

#include <optional>

namespace snaphammer::guest {
namespace {

// The path segment between `prefix` and `suffix`, when `path` is made so.
std::optional<std::string_view> match(std::string_view path, std::string_view prefix, std::string_view suffix) {
  if (path.size() <= prefix.size() + suffix.size()) return std::nullopt;
  if (!path.starts_with(prefix) || !path.ends_with(suffix)) return std::nullopt;
  const std::string_view segment = path.substr(prefix.size(), path.size() - prefix.size() - suffix.size());
  if (segment.find('/') != std::string_view::npos) return std::nullopt;
  return segment;
}

}  // namespace

void Router::add(std::string method, std::string pattern, Handler handler) {
  const std::size_t open = pattern.find('{');
  Route route{std::move(method), pattern, "", open != std::string::npos, std::move(handler)};
  if (route.has_parameter) {
    route.prefix = pattern.substr(0, open);
    route.suffix = pattern.substr(pattern.find('}') + 1);
  }
  routes_.push_back(std::move(route));
}

Awaitable<void> Router::handle(Exchange& exchange) const {
  const std::string_view path = exchange.request().target();
  const std::string_view method = exchange.request().method_string();
  bool known_path = false;
  for (const Route& route : routes_) {
    if (route.has_parameter) {
      const auto segment = match(path, route.prefix, route.suffix);
      if (!segment) continue;
      exchange.set_parameter(*segment);
    } else if (path != route.prefix) {
      continue;
    }
    known_path = true;
    if (method != route.method) continue;
    co_await route.handler(exchange);
    co_return;
  }
  const Error refusal(ErrorKind::kInvalid, std::string(method) + " " + std::string(path) +
                                               (known_path ? ": this path has other methods" : ": no such path"));
  co_await exchange.fail(known_path ? 405 : 404, refusal);
}

}  // namespace snaphammer::guest
