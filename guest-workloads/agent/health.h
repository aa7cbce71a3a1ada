// GET /health: who answers, since when, and in which life of the guest. Cheap, as it is asked often.
#pragma once

#include <functional>
#include <string>

#include "guest-workloads/agent/identity.h"
#include "guest-workloads/agent/router.h"
#include "lib/agent/protocol.h"

namespace snaphammer::guest {

class HealthService {
 public:
  /// `output_epoch` says which output connection is the latest, `quiesced` whether the guest is prepared for a snapshot.
  HealthService(const IdentityService& identity, std::function<std::uint64_t()> output_epoch,
                std::function<bool()> quiesced);

  void add_routes(Router& router);
  agent::HealthReport report() const;

 private:
  Awaitable<void> answer(Exchange& exchange);

  const IdentityService& identity_;
  std::function<std::uint64_t()> output_epoch_;
  std::function<bool()> quiesced_;
  std::string boot_id_;
  std::string kernel_;
};

/// The kernel's /proc/sys/kernel/random/boot_id; empty without /proc.
std::string read_boot_id();

}  // namespace snaphammer::guest
