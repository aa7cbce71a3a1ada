// The terminal that standard output is.
#pragma once

#include <cstddef>

namespace snaphammer::cli {

struct TerminalSize {
  std::size_t columns = 100;
  std::size_t rows = 24;
};

/// As it is now: its user may make it larger or smaller at any time. The defaults when it is no terminal.
TerminalSize terminal_size();

}  // namespace snaphammer::cli
