// What a snapshot has to know of each page: whether it is zeros, and its checksum. Taking it is the larger part of the
// time in which a guest is paused for a diff, so it is divided among threads.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lib/snapshot/ids.h"

namespace snaphammer::snapshot {

struct PageSummary {
  bool zeros = true;
  Checksum checksum = {};  ///< Only of a page that is not zeros.

  bool operator==(const PageSummary&) const = default;
};

/// Sets `summaries` to those of all pages of `memory`, a whole number of them. Uses this thread and, for much memory, others
/// that have ended when it returns.
void summarize(std::span<const std::byte> memory, std::vector<PageSummary>& summaries);

}  // namespace snaphammer::snapshot
