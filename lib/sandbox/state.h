// State: where a guest is in its life, which decides what may be asked of its Sandbox.
//
//   if (sandbox.state() == State::kPaused) ...
//   fmt::format("refused, the guest is {}", name_of(sandbox.state()))
#pragma once

#include <string_view>

namespace snaphammer::sandbox {

enum class State {
  kNone,       ///< No guest.
  kStarting,   ///< Booting, or being restored: becoming healthy.
  kRunning,    ///< Healthy when it was last brought up.
  kPausing,    ///< In the pause sequence.
  kPaused,     ///< vCPUs stand still.
  kUnhealthy,  ///< It runs, but did not become healthy.
  kEnded,      ///< Killed, or in a state nobody knows after a failure.
};
std::string_view name_of(State state);

}  // namespace snaphammer::sandbox
