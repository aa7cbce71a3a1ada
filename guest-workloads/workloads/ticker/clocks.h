// The clocks of this machine, read together.
//
//   Clocks clocks(options.hardware_clock, options.identity);
//   const Reading reading = clocks.read();
//
// Any thread may use monotonic_now(); a Clocks belongs to one.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace snaphammer::ticker {

using Nanoseconds = std::chrono::nanoseconds;

Nanoseconds monotonic_now();
Nanoseconds wall_now();  ///< Since 1970.

struct Reading {
  Nanoseconds monotonic{};
  Nanoseconds wall{};
  std::optional<std::chrono::seconds> hardware;  ///< Since 1970; whole seconds, the rest cut off.
  std::string generation;                        ///< New with every boot, restore and clone; empty when not known.
  std::string clock_setting;                     ///< New each time that the wall clock was set in between.
};

class Clocks {
 public:
  Clocks(std::string hardware_clock, std::string identity)
      : hardware_clock_(std::move(hardware_clock)), identity_(std::move(identity)) {}

  Reading read() const;

 private:
  std::string hardware_clock_;
  std::string identity_;
};

}  // namespace snaphammer::ticker
