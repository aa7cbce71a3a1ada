// How the agent in a guest behaves where systems got it wrong: each default is right, each other value a defect.
//
//   InitRequest init;
//   init.policy.accept = AcceptLoop::kSerial;      // in force from that init on
//
// Plain values; from_json() is strict.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "lib/base/result.h"

namespace snaphammer::agent {

/// Whether slow and silent clients of the agent's HTTP server have an end.
enum class ClientLimits {
  kOn,   ///< Time limits for header, body, idle connections and writes; a bound on connections.
  kOff,  ///< None of these: a client that says nothing more is kept for ever.
};
std::string_view name_of(ClientLimits limits);

/// How the agent's HTTP server takes connections.
enum class AcceptLoop {
  kParallel,  ///< Each is served by itself.
  kSerial,    ///< Each is served to its end before the next one is taken.
};
std::string_view name_of(AcceptLoop accept);

/// How the agent keeps its port forwarders.
enum class Forwarders {
  kSupervised,  ///< One that dies is started again; a stop returns when all are gone.
  kAbandoned,   ///< A stop leaves them running and forgets them; one that dies stays dead.
};
std::string_view name_of(Forwarders forwarders);

struct AgentPolicy {
  ClientLimits http_limits = ClientLimits::kOn;
  AcceptLoop accept = AcceptLoop::kParallel;
  Forwarders forwarders = Forwarders::kSupervised;

  nlohmann::json to_json() const;
  static Result<AgentPolicy> from_json(const nlohmann::json& json);
};

}  // namespace snaphammer::agent
