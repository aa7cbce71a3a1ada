// GET /health: who answers, since when, and in which life of the guest. Cheap, as it is asked often.
#pragma once

#include <string>

#include "guest-workloads/agent/identity.h"
#include "guest-workloads/agent/output_stream.h"
#include "guest-workloads/agent/quiesce.h"
#include "guest-workloads/agent/router.h"
#include "lib/agent/protocol.h"

namespace snaphammer::guest {

class HealthService {
 public:
  HealthService(const IdentityService& identity, const OutputStream& output, QuiesceService& quiesce);

  void add_routes(Router& router);
  agent::HealthReport report() const;

 private:
  Awaitable<void> answer(Exchange& exchange);

  const IdentityService& identity_;
  const OutputStream& output_;
  QuiesceService& quiesce_;
  std::string boot_id_;
  std::string kernel_;
};

/// The kernel's /proc/sys/kernel/random/boot_id; empty without /proc.
std::string read_boot_id();

}  // namespace snaphammer::guest
