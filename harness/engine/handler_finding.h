// The finding that the failure of who serves a guest's page faults is.
#pragma once

#include "lib/base/result.h"

namespace snaphammer::engine {

/// It read what was damaged, or it ended.
inline const char* finding_of_handler_error(const Error& error) {
  return error.kind() == ErrorKind::kCorrupt ? "snapshot-corrupt" : "handler-died";
}

}  // namespace snaphammer::engine
