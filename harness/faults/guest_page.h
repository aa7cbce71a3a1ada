// Whether a page of a restored guest is in its memory, or has still to come from the snapshot.
#pragma once

#include "lib/sandbox/incarnation.h"

namespace snaphammer::faults {

/// Of the page at `offset` of guest memory: the guest has not asked for it, and what its memory file has there is
/// nothing. Never so after a boot, and not known of a handler that is a program.
inline bool is_missing(sandbox::Incarnation& guest, ByteCount offset) {
  if (guest.page_server() == nullptr) return false;
  for (const uffd::StateRun& run : guest.page_server()->page_states()) {
    if (offset < run.extent.end()) return run.state == uffd::PageState::kMissing;
  }
  return false;
}

}  // namespace snaphammer::faults
