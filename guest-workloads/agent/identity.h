// POST /init: gives the guest its wall clock, its randomness and its identity, once per generation.
// POST /clock: sets its wall clock again, after it stood still.
//
// The identity is readable by programs in `<state directory>/identity.json`: name, environment, token, generation; and
// how often the clock was set by itself, so that who watches it can tell why it jumped.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "guest-workloads/agent/guest_system.h"
#include "guest-workloads/agent/router.h"
#include "lib/agent/protocol.h"

namespace snaphammer::guest {

class IdentityService {
 public:
  IdentityService(GuestSystem& system, std::filesystem::path state_directory);

  void add_routes(Router& router);
  /// Awaited before the answer to an init with a new generation: the guest was booted, restored or cloned.
  void on_new_generation(std::function<Async<void>()> hook) { on_new_generation_ = std::move(hook); }

  /// Applies a request. The same generation again gets the same answer and changes nothing. After a failure
  /// nothing is remembered, and the same request may be tried again.
  Result<agent::InitReport> apply(const agent::InitRequest& request);
  /// kUnavailable before the first init, which sets the clock itself.
  Result<void> set_clock(const agent::ClockRequest& request);

  /// Of the last init; empty before the first.
  const std::string& generation() const { return report_.generation; }
  /// What is to become of the listener in the guest's next lives.
  agent::ListenerAfterReset listener() const { return listener_; }
  const agent::AgentPolicy& policy() const { return policy_; }
  /// What every exec and workload gets.
  const std::map<std::string, std::string>& environment() const { return environment_; }

 private:
  Awaitable<void> answer_init(Exchange& exchange);
  Awaitable<void> answer_clock(Exchange& exchange);
  Result<void> store(nlohmann::json identity);

  GuestSystem& system_;
  std::filesystem::path state_directory_;
  agent::InitReport report_;
  nlohmann::json stored_;  ///< What the file says.
  std::uint64_t clock_settings_ = 0;
  std::map<std::string, std::string> environment_;
  agent::ListenerAfterReset listener_ = agent::ListenerAfterReset::kHandshake;
  agent::AgentPolicy policy_;
  std::function<Async<void>()> on_new_generation_;
};

}  // namespace snaphammer::guest
