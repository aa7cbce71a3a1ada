// What guests drew at random, for comparison of those that come from one snapshot.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace snaphammer::engine {

/// Draws of one life of a guest, from one source.
struct Draw {
  std::string guest;                ///< "clone-1"; for the run's own guest also which life it is.
  std::string source;               ///< "the kernel"
  std::vector<std::string> values;  ///< One a draw, as text.
};

/// The workload by this name says in its verdict what it drew.
inline constexpr const char* kDrawingWorkload = "entropy";

/// What the workload started as `as` drew in `guest`, by the counters of its verdict; nothing when they tell of none. They
/// come from the guest: what is not as it should be is passed over.
std::vector<Draw> draws_in(const nlohmann::json& counters, const std::string& guest, const std::string& as);

}  // namespace snaphammer::engine
