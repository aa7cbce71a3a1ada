// Which life of its guest a program is in: the agent writes a new generation at each boot and restore; and when a guest
// that only stood still had its wall clock set.
//
//   if (read_generation("/run/snaphammer/identity.json") != generation_) ... the guest was restored
#pragma once

#include <string>

namespace snaphammer::workload {

inline constexpr char kIdentityFile[] = "/run/snaphammer/identity.json";

/// Of the agent's identity file; empty when there is none.
std::string read_generation(const std::string& path);
/// Another one each time that the wall clock was set within a generation; empty before.
std::string read_clock_setting(const std::string& path);

}  // namespace snaphammer::workload
