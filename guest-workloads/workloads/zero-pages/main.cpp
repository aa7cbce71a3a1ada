// zero-pages: does memory that the kernel hands out as fresh come as zeros, and does memory keep what was written?
#include <cstdio>

#include <unistd.h>

#include "guest-workloads/workloads/zero-pages/rounds.h"

int main(int argc, char** argv) {
  using namespace snaphammer::zero_pages;  // NOLINT: a program, not a library
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments == std::vector<std::string>{"--help"}) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  Options options;
  if (const std::string wrong = parse_options(arguments, options); !wrong.empty()) {
    std::fprintf(stderr, "zero-pages: %s\n%s", wrong.c_str(), kUsage);
    return 2;
  }
  Rounds rounds(options, STDIN_FILENO);
  return rounds.run() ? 0 : 1;
}
