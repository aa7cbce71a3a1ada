// What the host knows of a guest page that a finding names: the link from a wrong byte in the guest to its cause.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "lib/base/units.h"
#include "lib/sandbox/incarnation.h"
#include "lib/sandbox/sequence.h"

namespace snaphammer::engine {

/// If `evidence` has a guest physical address ("physical": "0xfc00000"), adds "host": where the page is in the memory file,
/// which snapshot it was served from, its state to the page server, and what happened to it, in milliseconds from
/// `start`. Nothing without a page server.
void add_page_history(nlohmann::json& evidence, sandbox::Incarnation& guest, const std::string& snapshot,
                      TimePoint start);

/// The page server's trace in Chrome's trace-event format, for Perfetto or chrome://tracing, below the restore's phases.
/// JSON text, an event a line: there may be tens of thousands.
std::string trace_events(const std::vector<uffd::TraceEvent>& trace, const std::vector<sandbox::PhaseTiming>& phases,
                         TimePoint start);

}  // namespace snaphammer::engine
