// What it means that a command in the guest gave no answer.
#pragma once

#include "lib/base/result.h"

namespace snaphammer::steps {

/// How much of a command's output goes into the evidence.
inline constexpr std::size_t kShownOutput = 4096;

inline const char* finding_of_exec_error(const Error& error) {
  return error.kind() == ErrorKind::kGone ? "connection-lost" : "exec-timeout";
}

}  // namespace snaphammer::steps
