// GET /ports: the guest's TCP ports that somebody listens on, and their forwarders.
//
//   CO_SNAP_ASSIGN(const PortsReport report, co_await client.ports());
//   for (const PortInfo& port : report.ports) connect_to_vsock(kForwardedPorts + port.port);
//
// from_json() is strict.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lib/base/result.h"

namespace snaphammer::agent {

enum class PortState {
  kStarting,   ///< Its forwarder runs and does not listen yet.
  kForwarded,  ///< Its forwarder listens.
  kFailed,     ///< Its forwarder could not be started, or has ended and is not running again yet.
};
std::string_view name_of(PortState state);

struct PortInfo {
  std::uint16_t port = 0;  ///< TCP.
  PortState state = PortState::kStarting;
  int pid = 0;                 ///< Of the forwarder; 0 while none runs.
  std::uint64_t respawns = 0;  ///< How often it was started again since the ports were started.
  std::string error;           ///< kFailed: why; what the forwarder wrote last.

  nlohmann::json to_json() const;
  static Result<PortInfo> from_json(const nlohmann::json& json);
};

struct PortsReport {
  bool running = false;         ///< Whether ports are looked for and forwarded.
  std::vector<PortInfo> ports;  ///< In ascending order; none when it is not running.

  nlohmann::json to_json() const;
  static Result<PortsReport> from_json(const nlohmann::json& json);
};

}  // namespace snaphammer::agent
