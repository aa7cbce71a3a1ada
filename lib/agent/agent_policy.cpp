#include "lib/agent/agent_policy.h"

#include "lib/agent/json_fields.h"

namespace snaphammer::agent {

std::string_view name_of(ClientLimits limits) {
  switch (limits) {
    case ClientLimits::kOn:
      return "on";
    case ClientLimits::kOff:
      return "off";
  }
  return "";
}

std::string_view name_of(AcceptLoop accept) {
  switch (accept) {
    case AcceptLoop::kParallel:
      return "parallel";
    case AcceptLoop::kSerial:
      return "serial";
  }
  return "";
}

std::string_view name_of(Forwarders forwarders) {
  switch (forwarders) {
    case Forwarders::kSupervised:
      return "supervised";
    case Forwarders::kAbandoned:
      return "abandoned";
  }
  return "";
}

nlohmann::json AgentPolicy::to_json() const {
  return {{"http_limits", name_of(http_limits)}, {"accept", name_of(accept)}, {"forwarders", name_of(forwarders)}};
}

Result<AgentPolicy> AgentPolicy::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "policy");
  AgentPolicy policy;
  const std::string http_limits = fields.text("http_limits");
  const std::string accept = fields.text("accept");
  const std::string forwarders = fields.text("forwarders");
  SNAP_TRY(fields.finish());
  SNAP_ASSIGN(policy.http_limits, named("policy: http_limits", http_limits, {ClientLimits::kOn, ClientLimits::kOff}));
  SNAP_ASSIGN(policy.accept, named("policy: accept", accept, {AcceptLoop::kParallel, AcceptLoop::kSerial}));
  SNAP_ASSIGN(policy.forwarders,
              named("policy: forwarders", forwarders, {Forwarders::kSupervised, Forwarders::kAbandoned}));
  return policy;
}

}  // namespace snaphammer::agent
