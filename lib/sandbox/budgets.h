// How the time is bounded in which a guest becomes healthy, and a VMM answers.
#pragma once

#include "lib/base/units.h"

namespace snaphammer::sandbox {

/// For what a VMM does in milliseconds.
inline constexpr Duration kMonitorDeadline = std::chrono::seconds(10);

enum class Budgets {
  kSeparate,  ///< Ready and init have a budget each.
  kShared,    ///< The one for ready is for both: how a slow ready starved init (wrenn).
};

}  // namespace snaphammer::sandbox
