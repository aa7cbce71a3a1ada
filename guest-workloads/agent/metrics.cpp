#include "guest-workloads/agent/metrics.h"

#include <limits>
#include <optional>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "lib/base/proc_file.h"
#include "lib/base/process_use.h"

namespace snaphammer::guest {
namespace {

constexpr char kMemInfo[] = "/proc/meminfo";

Result<agent::Metrics> measure(std::size_t connections) {
  agent::Metrics metrics;
  SNAP_ASSIGN(const ProcessUse use, process_use(::getpid()));
  metrics.threads = use.threads;
  metrics.descriptors = use.descriptors;
  metrics.children = use.children;
  metrics.resident = use.resident;
  metrics.zombies = zombies();
  metrics.connections = connections;
  SNAP_ASSIGN(const MemoryInfo memory, parse_meminfo(read_proc_file(kMemInfo)));
  metrics.memory_total = memory.total;
  metrics.memory_available = memory.available;
  return metrics;
}

}  // namespace

Result<MemoryInfo> parse_meminfo(const std::string& text) {
  std::optional<ByteCount> total;
  std::optional<ByteCount> available;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::string unit;
    ByteCount kib = 0;
    if (!(words >> name >> kib >> unit) || unit != "kB" || kib > std::numeric_limits<ByteCount>::max() / 1_KiB) {
      continue;  // Of other lines, some have no unit.
    }
    if (name == "MemTotal:") total = kib * 1_KiB;
    if (name == "MemAvailable:") available = kib * 1_KiB;
  }
  if (!total || !available) {
    return Error(ErrorKind::kUnfit, fmt::format("{} does not tell MemTotal and MemAvailable", kMemInfo));
  }
  return MemoryInfo{*total, *available};
}

void MetricsService::add_routes(Router& router) {
  router.add("GET", "/metrics", [this](Exchange& exchange) { return answer(exchange); });
}

Awaitable<void> MetricsService::answer(Exchange& exchange) {
  const Result<agent::Metrics> metrics = measure(connections_());
  if (!metrics) {
    co_await exchange.fail(metrics.error());
    co_return;
  }
  const nlohmann::json body = metrics->to_json();
  co_await exchange.respond(200, body);
}

}  // namespace snaphammer::guest
