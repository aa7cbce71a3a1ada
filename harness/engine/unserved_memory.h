// A guest whose memory its page-fault handler should have served by now, and has not.
//
//   CO_SNAP_ASSIGN(std::vector<report::Finding> found, co_await look_for_unserved_memory(sandbox));
//   for (report::Finding& finding : found) run.report(std::move(finding));
//
// What is looked for: page faults that the page server has read long ago; page faults and REMOVE events that it does not
// read; and of a handler that is a program, threads of the VMM that have been at one page fault for long.
#pragma once

#include <vector>

#include "harness/report/results.h"
#include "lib/base/async.h"
#include "lib/sandbox/sandbox.h"

namespace snaphammer::engine {

/// The oracle that such a finding is of.
inline constexpr const char* kUnresolvedFaults = "unresolved-faults";

/// Findings `hang`. Takes as long as something waits, at most a few seconds. None of a guest that is not served by a
/// handler, that has ended or ends meanwhile, or whose handler has died.
Async<std::vector<report::Finding>> look_for_unserved_memory(sandbox::Sandbox& sandbox);

/// Those of them that a slow handler does not cause: nothing of a page fault that the page server has read, and whose
/// bytes may be on their way.
Async<std::vector<report::Finding>> look_for_stopped_handler(sandbox::Sandbox& sandbox);

}  // namespace snaphammer::engine
