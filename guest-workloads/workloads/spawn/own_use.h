// What this process has at the moment, and how others of this machine are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <sys/types.h>

namespace snaphammer::spawn {

struct OwnUse {
  std::uint64_t descriptors = 0;
  std::uint64_t resident_kib = 0;
  std::uint64_t mapped_kib = 0;
};

OwnUse own_use();

/// Children that were not waited for, running or zombies.
std::vector<pid_t> own_children();

/// A process as it shows in /proc; nothing when it is gone.
struct ProcessState {
  char state = '?';  ///< 'Z' is a zombie.
  pid_t parent = 0;
  std::uint64_t started = 0;  ///< Tells it from a later one of the same number.
};
std::optional<ProcessState> process_state(pid_t process);

}  // namespace snaphammer::spawn
