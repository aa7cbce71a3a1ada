// The environment variables that Snaphammer looks at, as a value, so that a test can bring its own.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace snaphammer::engine {

class Environment {
 public:
  using Variables = std::map<std::string, std::string, std::less<>>;

  Environment() = default;
  explicit Environment(Variables variables) : variables_(std::move(variables)) {}
  /// This process's own, as it is now.
  static Environment of_this_process();

  /// The value, or "" for a variable that is unset or empty: the two mean the same to every user of
  /// it.
  std::string get(std::string_view name) const;

 private:
  Variables variables_;
};

/// Set for a worker and everything it starts: which campaign and which run they belong to. What is
/// left of them after a death is found by these.
inline constexpr std::string_view kCampaignVariable = "SNAPHAMMER_CAMPAIGN";
inline constexpr std::string_view kRunVariable = "SNAPHAMMER_RUN";

}  // namespace snaphammer::engine
