// The finding that it is when a workload has ended by itself, or gives no verdict.
#pragma once

#include <string>

#include "harness/report/results.h"
#include "lib/agent/workload_protocol.h"

namespace snaphammer::engine {

/// What its runtime called it, or `unhealthy`. Without an oracle; the evidence says how it ended.
report::Finding death_of(const std::string& as, const agent::WorkloadInfo& died);

/// Of a workload that was asked for its verdict, by the error that came instead.
const char* finding_of_no_verdict(ErrorKind kind);

}  // namespace snaphammer::engine
