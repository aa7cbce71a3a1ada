#include "lib/sandbox/state.h"

namespace snaphammer::sandbox {

std::string_view name_of(State state) {
  switch (state) {
    case State::kNone:
      return "not started";
    case State::kStarting:
      return "starting";
    case State::kRunning:
      return "running";
    case State::kPausing:
      return "pausing";
    case State::kPaused:
      return "paused";
    case State::kUnhealthy:
      return "unhealthy";
    case State::kEnded:
      return "ended";
  }
  return "ended";
}

}  // namespace snaphammer::sandbox
