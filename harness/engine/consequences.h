// A guest whose memory is not served does not answer: several findings, one cause.
#pragma once

#include <vector>

#include "harness/report/results.h"

namespace snaphammer::engine {

/// The key of a finding's evidence under which it says in which life of the run's own guest it was found: "boot",
/// "restore 2".
inline constexpr const char* kLife = "life";

/// Where unresolved-faults has found why the guest hangs, whatever says no more than that it did not answer, or that its
/// kernel stalls, in the same life of the guest, becomes evidence of that `hang`: `consequences`, [{"id", "oracle",
/// "message", "count", "at_ms"}], and where it was seen to hang. The others are as they were. `findings` are folded, as
/// in a FindingLog.
std::vector<report::Finding> with_consequences(std::vector<report::Finding> findings);

}  // namespace snaphammer::engine
