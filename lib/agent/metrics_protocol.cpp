#include "lib/agent/metrics_protocol.h"

#include "lib/agent/json_fields.h"

namespace snaphammer::agent {

nlohmann::json Metrics::to_json() const {
  return {{"threads", threads},
          {"descriptors", descriptors},
          {"children", children},
          {"zombies", zombies},
          {"connections", connections},
          {"resident_bytes", resident},
          {"memory_total_bytes", memory_total},
          {"memory_available_bytes", memory_available}};
}

Result<Metrics> Metrics::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "metrics");
  Metrics metrics;
  metrics.threads = fields.count("threads");
  metrics.descriptors = fields.count("descriptors");
  metrics.children = fields.count("children");
  metrics.zombies = fields.count("zombies");
  metrics.connections = fields.count("connections");
  metrics.resident = fields.count("resident_bytes");
  metrics.memory_total = fields.count("memory_total_bytes");
  metrics.memory_available = fields.count("memory_available_bytes");
  SNAP_TRY(fields.finish());
  return metrics;
}

}  // namespace snaphammer::agent
