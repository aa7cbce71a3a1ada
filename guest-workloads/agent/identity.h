// POST /init: gives the guest its wall clock, its randomness and its identity, once per generation.
//
// The identity is readable by programs in `<state directory>/identity.json`: name, environment, token, generation.
#pragma once

#include <filesystem>
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

  /// Applies a request. The same generation again gets the same answer and changes nothing. After a failure
  /// nothing is remembered, and the same request may be tried again.
  Result<agent::InitReport> apply(const agent::InitRequest& request);

  /// Of the last init; empty before the first.
  const std::string& generation() const { return report_.generation; }
  /// What every exec and workload gets.
  const std::map<std::string, std::string>& environment() const { return environment_; }

 private:
  Awaitable<void> answer(Exchange& exchange);
  Result<void> store(const agent::InitRequest& request);

  GuestSystem& system_;
  std::filesystem::path state_directory_;
  agent::InitReport report_;
  std::map<std::string, std::string> environment_;
};

}  // namespace snaphammer::guest
