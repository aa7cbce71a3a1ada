#include "guest-workloads/agent/random.h"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/random.h>

namespace snaphammer::guest {
namespace {

Awaitable<void> answer(Exchange& exchange) {
  const Result<agent::RandomDraws> draws = draw();
  if (!draws) {
    co_await exchange.fail(draws.error());
    co_return;
  }
  const nlohmann::json body = draws->to_json();
  co_await exchange.respond(200, body);
}

}  // namespace

Result<agent::RandomDraws> draw() {
  agent::RandomDraws draws;
  std::array<unsigned char, agent::RandomDraws::kBytes> bytes{};
  while (draws.values.size() < agent::RandomDraws::kCount) {
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      return errno_error("draw random bytes");
    }
    draws.values.push_back(fmt::format("{:02x}", fmt::join(bytes, "")));
  }
  return draws;
}

void add_random_route(Router& router) { router.add("GET", "/random", answer); }

}  // namespace snaphammer::guest
