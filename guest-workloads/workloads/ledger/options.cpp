#include "guest-workloads/workloads/ledger/options.h"

namespace snaphammer::ledger {

workload::Arguments arguments_for(Options& options) {
  workload::Arguments arguments(
      "ledger",
      "Serves requests and keeps a ledger of them. A client sends a line `do NONCE`, and gets `done NONCE POSITION` "
      "when\n"
      "the request is entered and its work done; those of one connection in turn. To `record` it gets a line\n"
      "`entry POSITION NONCE` for each entry, and `end COUNT`. Whoever keeps what it was answered can tell whether\n"
      "requests were lost or acted twice.\n"
      "Findings: lost-write (an entry in memory is not what was entered).\n");
  arguments.number("port", options.port, "TCP port on 127.0.0.1; 0 for none", {.high = 65535});
  arguments.number("vsock", options.vsock, "vsock port; 0 for none", {.high = 0xfffffffe});
  arguments.time("work", options.work, "from a request's entry to its answer", {.high = 3'600'000});
  arguments.text("repeats", options.repeats,
                 "`answered`: a nonce that comes again gets its first answer; `executed`: it is entered again");
  arguments.text("file", options.file,
                 "entries are written there at each quiesce, and what it holds is all that is left of them after a\n"
                 "                      start and after a restore; without it they are in memory");
  arguments.text("identity", options.identity, "file that the agent writes at each restore; may be missing");
  arguments.number("seed", options.seed, "not used: nothing is random here");
  return arguments;
}

}  // namespace snaphammer::ledger
