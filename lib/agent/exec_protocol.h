// POST /exec: a command in the guest. An ExecRequest is answered by a stream of ExecFrame: started, what the command writes, exit.
//
// The id makes a command run at most once: the request is acknowledged before it is started, and asked again with the same id
// the agent says how it ended, or that it still runs. from_json() is strict, as in protocol.h.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::agent {

/// How a process in the guest ended: one of the two is set, neither while it runs.
struct ProcessEnd {
  std::optional<int> code;
  std::optional<int> signal;

  bool ended() const { return code.has_value() || signal.has_value(); }
  /// "exited with status 1", "was killed by signal 9", "is still running".
  std::string describe() const;
};

struct ExecRequest {
  std::string id;                    ///< 1 to 64 characters. An id that was seen already is never run again.
  std::vector<std::string> command;  ///< Program and arguments; looked up in the agent's PATH without a slash.
  std::map<std::string, std::string> environment;  ///< Added to the agent's and the identity's.
  std::string directory = "/";
  std::string input;   ///< Bytes for its standard input, which is then closed.
  Duration timeout{};  ///< After it the process group is killed. Whole milliseconds; must be positive.

  nlohmann::json to_json() const;
  static Result<ExecRequest> from_json(const nlohmann::json& json);
};

enum class ExecEvent {
  kStarted,  ///< The request is accepted and its id taken. Comes before the process is started.
  kStdout,
  kStderr,
  kExit,  ///< The last frame.
};

struct ExecFrame {
  ExecEvent event = ExecEvent::kStarted;
  std::string data;        ///< kStdout, kStderr.
  ProcessEnd end;          ///< kExit; neither code nor signal when it could not be started.
  bool timed_out = false;  ///< kExit
  bool recorded = false;   ///< kExit: the id was seen before; this is how that one ended, nothing ran now.
  std::string error;       ///< kExit: why it did not start or was killed.

  nlohmann::json to_json() const;
  static Result<ExecFrame> from_json(const nlohmann::json& json);
};

}  // namespace snaphammer::agent
