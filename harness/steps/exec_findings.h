// What it means that a command in the guest gave no answer.
#pragma once

#include <string>

#include "lib/agent/exec_protocol.h"
#include "lib/base/result.h"

namespace snaphammer::steps {

/// How much of a command's output goes into the evidence.
inline constexpr std::size_t kShownOutput = 4096;

inline const char* finding_of_exec_error(const Error& error) {
  return error.kind() == ErrorKind::kGone ? "connection-lost" : "exec-timeout";
}

/// "exited with status 3", or why it could not be started.
inline std::string describe_end(const agent::ExecResult& done) {
  if (!done.end.ended()) return "did not run: " + done.error;
  return done.end.describe() + (done.error.empty() ? "" : "; " + done.error);
}

}  // namespace snaphammer::steps
