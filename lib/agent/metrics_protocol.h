// GET /metrics: what the agent and its guest use of what can leak or run out.
//
//   CO_SNAP_ASSIGN(const Metrics metrics, co_await client.metrics());
//   const ByteCount spare = metrics.memory_available;
//
// The numbers are of one answer but not of one instant. from_json() is strict.
#pragma once

#include <cstdint>

#include <nlohmann/json_fwd.hpp>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::agent {

struct Metrics {
  std::uint64_t threads = 0;       ///< Of the agent.
  std::uint64_t descriptors = 0;   ///< Of the agent: the asking connection's included.
  std::uint64_t children = 0;      ///< Whose parent is the agent, which inherits orphans: running or not.
  std::uint64_t zombies = 0;       ///< Of the whole guest.
  std::uint64_t connections = 0;   ///< To the agent's HTTP server: the asking one included.
  ByteCount resident = 0;          ///< Of the agent.
  ByteCount memory_total = 0;      ///< MemTotal of the guest: what its kernel manages, without what the balloon holds.
  ByteCount memory_available = 0;  ///< MemAvailable: what programs could still get without swapping (proc(5)).

  nlohmann::json to_json() const;
  static Result<Metrics> from_json(const nlohmann::json& json);
};

}  // namespace snaphammer::agent
