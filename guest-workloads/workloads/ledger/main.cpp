// ledger: is every request that was acknowledged in the guest, once?
#include <cstdio>

#include <signal.h>
#include <unistd.h>

#include "guest-workloads/workloads/ledger/serving.h"

int main(int argc, char** argv) {
  using namespace snaphammer::ledger;  // NOLINT: a program, not a library
  Options options;
  if (const auto status = arguments_for(options).read(argc, argv)) return *status;
  ::signal(SIGPIPE, SIG_IGN);
  Serving serving(options, STDIN_FILENO);
  const std::string wrong = serving.run();
  if (!wrong.empty()) std::fprintf(stderr, "ledger: %s\n", wrong.c_str());
  return wrong.empty() ? 0 : 1;
}
