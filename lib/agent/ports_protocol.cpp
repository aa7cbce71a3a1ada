#include "lib/agent/ports_protocol.h"

#include <limits>

#include "lib/agent/json_fields.h"

namespace snaphammer::agent {

std::string_view name_of(PortState state) {
  switch (state) {
    case PortState::kStarting:
      return "starting";
    case PortState::kForwarded:
      return "forwarded";
    case PortState::kFailed:
      return "failed";
  }
  return "";
}

nlohmann::json PortInfo::to_json() const {
  nlohmann::json json = {{"port", port}, {"state", name_of(state)}, {"pid", pid}, {"respawns", respawns}};
  if (!error.empty()) json["error"] = error;
  return json;
}

Result<PortInfo> PortInfo::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "port");
  PortInfo info;
  const std::uint64_t port = fields.count("port");
  const std::string state = fields.text("state");
  const std::uint64_t pid = fields.count("pid");
  info.respawns = fields.count("respawns");
  info.error = fields.text("error", "");
  SNAP_TRY(fields.finish());
  if (port == 0 || port > std::numeric_limits<std::uint16_t>::max()) {
    return Error(ErrorKind::kInvalid, "port: " + std::to_string(port) + " is none");
  }
  if (pid > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
    return Error(ErrorKind::kInvalid, "port: " + std::to_string(pid) + " is no process");
  }
  info.port = static_cast<std::uint16_t>(port);
  info.pid = static_cast<int>(pid);
  SNAP_ASSIGN(info.state,
              named("port: state", state, {PortState::kStarting, PortState::kForwarded, PortState::kFailed}));
  return info;
}

nlohmann::json PortsReport::to_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const PortInfo& port : ports) list.push_back(port.to_json());
  return {{"running", running}, {"ports", list}};
}

Result<PortsReport> PortsReport::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "ports");
  PortsReport report;
  report.running = fields.boolean("running");
  const nlohmann::json list = fields.any("ports");
  SNAP_TRY(fields.finish());
  if (!list.is_array()) return Error(ErrorKind::kInvalid, "ports: 'ports' is not a list");
  for (const nlohmann::json& item : list) {
    SNAP_ASSIGN(PortInfo info, PortInfo::from_json(item));
    report.ports.push_back(std::move(info));
  }
  return report;
}

}  // namespace snaphammer::agent
