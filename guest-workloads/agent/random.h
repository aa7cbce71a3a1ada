// GET /random: draws from the guest kernel's generator, of whoever asks right now.
#pragma once

#include "guest-workloads/agent/router.h"
#include "lib/agent/random_protocol.h"

namespace snaphammer::guest {

void add_random_route(Router& router);

/// One getrandom(2) for each.
Result<agent::RandomDraws> draw();

}  // namespace snaphammer::guest
