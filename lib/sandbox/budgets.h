// How the time is bounded in which a guest becomes healthy.
#pragma once

namespace snaphammer::sandbox {

enum class Budgets {
  kSeparate,  ///< Ready and init have a budget each.
  kShared,    ///< The one for ready is for both: how a slow ready starved init (wrenn).
};

}  // namespace snaphammer::sandbox
