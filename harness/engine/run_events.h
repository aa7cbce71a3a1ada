// What a worker tells its campaign while its run goes on: one short line per phase, for people who
// watch.
//
//   events.phase("restore s1");
//
// Travels as lines of JSON over a pipe that the worker inherits. Losing one loses nothing but a
// line on a terminal: what a run found is in its result.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace snaphammer::engine {

class RunEvents {
 public:
  /// `fd` stays the caller's; -1 drops everything.
  explicit RunEvents(int fd) : fd_(fd) {}

  /// What the run is at now, in a few words. Never blocks and never fails: a line that does not fit
  /// is dropped.
  void phase(std::string_view what);

 private:
  int fd_;
};

/// The `what` of one line that phase() wrote; nullopt for anything else.
std::optional<std::string> phase_of_event(std::string_view line);

}  // namespace snaphammer::engine
