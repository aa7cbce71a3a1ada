// The agent's version, as /health and --version say it; the build defines it from the project's.
#pragma once

namespace snaphammer::guest {

inline constexpr char kAgentVersion[] = SNAPHAMMER_AGENT_VERSION;

}  // namespace snaphammer::guest
