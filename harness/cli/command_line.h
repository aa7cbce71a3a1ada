// The command line as a whole: finds the command, parses its options, prints help and errors.
#pragma once

#include "harness/cli/command.h"

namespace snaphammer::cli {

/// All of the program but main(). Returns the exit code.
int run_command_line(int argc, const char* const* argv, const Parts& parts);

}  // namespace snaphammer::cli
