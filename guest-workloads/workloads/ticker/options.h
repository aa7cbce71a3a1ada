// The command line of ticker.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "guest-workloads/workloads/base/arguments.h"
#include "guest-workloads/workloads/base/generation.h"

namespace snaphammer::ticker {

struct Options {
  std::chrono::milliseconds period{50};     ///< Of each timer.
  std::chrono::milliseconds late{3000};     ///< How late a timer may be.
  std::chrono::milliseconds skew{2000};     ///< How far the wall clock may be from the hardware clock, and jump.
  std::chrono::milliseconds grace{10'000};  ///< How long a restore takes to set things right.
  std::string hardware_clock = "/sys/class/rtc/rtc0/since_epoch";
  std::string identity = workload::kIdentityFile;
  std::uint64_t seed = 0;
};

/// Sets `options`, which must outlive it.
workload::Arguments arguments_for(Options& options);

}  // namespace snaphammer::ticker
