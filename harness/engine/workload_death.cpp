#include "harness/engine/workload_death.h"

#include <fmt/format.h>

#include "harness/engine/hang_diagnosis.h"

namespace snaphammer::engine {

report::Finding death_of(const std::string& as, const agent::WorkloadInfo& died) {
  if (died.crash) {
    return {.id = died.crash->finding,
            .oracle = {},
            .message = fmt::format("workload {} was ended by its runtime: {}", as, died.crash->headline),
            .evidence = {{"end", died.end.describe()}, {"report", died.crash->report}}};
  }
  const std::string said = died.stderr_tail.empty() ? "" : ": " + died.stderr_tail;
  return {.id = "unhealthy",
          .oracle = {},
          .message = fmt::format("workload {} {}{}", as, died.end.describe(), said),
          .evidence = {{kCommandEnded, died.end.describe()}}};
}

const char* finding_of_no_verdict(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTimeout:
      return "hang";
    case ErrorKind::kGone:
      return "connection-lost";
    default:
      return "unhealthy";  // It answers, and not with a verdict.
  }
}

}  // namespace snaphammer::engine
