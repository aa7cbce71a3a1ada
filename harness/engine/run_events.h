// What a worker tells its campaign while its run goes on, in short lines, for people who watch.
//
//   events.phase("restore s1");
//   events.finding("stale-page");
//
// Travels as lines of JSON over a pipe that the worker inherits. Losing one loses nothing but a
// line on a terminal: what a run found is in its result.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace snaphammer::engine {

/// One of the two is said, the other is empty.
struct RunEvent {
  std::string phase;    ///< What the run is at now, in a few words.
  std::string finding;  ///< The id of something that it has found.
};

/// Never blocks and never fails: a line that does not fit is dropped.
class RunEvents {
 public:
  /// `fd` stays the caller's; -1 drops everything.
  explicit RunEvents(int fd) : fd_(fd) {}

  void phase(std::string_view what);
  /// Told when an id comes up first: there may be thousands of one.
  void finding(std::string_view id);

 private:
  int fd_;
  std::set<std::string, std::less<>> found_;
};

/// What a line says that RunEvents wrote; nullopt for anything else.
std::optional<RunEvent> event_in(std::string_view line);

}  // namespace snaphammer::engine
