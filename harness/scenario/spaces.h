// The kinds of names that steps give to each other (Reader::declare and refer). The texts appear in error messages.
#pragma once

namespace snaphammer::scenario {

inline constexpr const char* kSnapshots = "snapshot";      ///< `snapshot` makes them.
inline constexpr const char* kWorkloads = "workload";      ///< `start` makes them.
inline constexpr const char* kFaults = "fault";            ///< `inject` with `as` makes them.
inline constexpr const char* kConnections = "connection";  ///< `connect` makes them.

}  // namespace snaphammer::scenario
