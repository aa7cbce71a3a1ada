// Which life of its guest a program is in: the agent writes a new generation at each boot and restore.
//
//   if (read_generation("/run/snaphammer/identity.json") != generation_) ... the guest was restored
#pragma once

#include <string>

namespace snaphammer::workload {

inline constexpr char kIdentityFile[] = "/run/snaphammer/identity.json";

/// Of the agent's identity file; empty when there is none.
std::string read_generation(const std::string& path);

}  // namespace snaphammer::workload
