// The agent as a whole: its parts put together, in a guest or, for tests, on a host.
//
//   asio::io_context context;
//   SNAP_ASSIGN(auto agent, Agent::start(context, config));
//   context.run();
//
// One thread. After stop() the context runs out of the agent's work; only then may the agent be destroyed.
#pragma once

#include <filesystem>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "guest-workloads/agent/endpoint.h"
#include "guest-workloads/agent/guest_system.h"
#include "guest-workloads/agent/http_limits.h"
#include "guest-workloads/agent/ports/forwarding.h"

namespace snaphammer::guest {

struct AgentConfig {
  Endpoint listen;
  Endpoint output;
  std::filesystem::path state_directory = "/run/snaphammer";
  std::filesystem::path workloads = "/usr/lib/snaphammer/workloads";
  HttpLimits limits;
  PortsOptions ports;
  bool in_guest = false;  ///< Sets this kernel's clock and randomness, forwards its log and its ports.
};

class Agent {
 public:
  static Result<std::unique_ptr<Agent>> start(asio::io_context& context, const AgentConfig& config);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Closes connections and kills children.
  void stop();

 private:
  struct Parts;
  explicit Agent(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace snaphammer::guest
