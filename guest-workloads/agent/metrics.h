// GET /metrics: what the agent and its guest use, read when it is asked for.
#pragma once

#include <functional>

#include "guest-workloads/agent/router.h"
#include "lib/agent/metrics_protocol.h"

namespace snaphammer::guest {

class MetricsService {
 public:
  /// `connections`: how many the HTTP server has.
  explicit MetricsService(std::function<std::size_t()> connections) : connections_(std::move(connections)) {}

  void add_routes(Router& router);

 private:
  Awaitable<void> answer(Exchange& exchange);

  std::function<std::size_t()> connections_;
};

/// MemTotal and MemAvailable of a /proc/meminfo (proc(5)) whose text this is.
struct MemoryInfo {
  ByteCount total = 0;
  ByteCount available = 0;
};
Result<MemoryInfo> parse_meminfo(const std::string& text);

}  // namespace snaphammer::guest
