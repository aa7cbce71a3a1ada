// The stable ids of all findings.
#include "harness/scenario/kinds.h"

namespace snaphammer::scenario {
namespace {

const Registration<FindingKind> kFindings[] = {
    Registration<FindingKind>{{"stale-page", "A fresh page of the guest held bytes from before."}},
    Registration<FindingKind>{{"lost-write", "A page that was written has older bytes, or none."}},
    Registration<FindingKind>{{"heap-corruption", "A language runtime in the guest found its heap damaged."}},
    Registration<FindingKind>{{"kernel-fault", "The guest kernel reported a bug, an oops, a lock-up or a panic."}},
    Registration<FindingKind>{
        {"hang",
         "Guest, vCPU or VMM made no progress within its bound; the run's hang.txt says where they were. Where its "
         "memory was not served, other findings that only say that it did not answer are evidence of this one."}},
    Registration<FindingKind>{{"unhealthy",
                               "The guest did not become healthy within its bound, does not answer any more, or has "
                               "ended; the run's hang.txt "
                               "says where it was, if it stood still."}},
    Registration<FindingKind>{
        {"exec-timeout",
         "A command in the guest did not answer in time; the run's hang.txt says where the guest was."}},
    Registration<FindingKind>{{"connection-lost", "A connection that must live died."}},
    Registration<FindingKind>{{"request-lost", "A request that was acknowledged left no trace."}},
    Registration<FindingKind>{{"request-duplicated", "One request acted twice."}},
    Registration<FindingKind>{{"request-reordered", "Requests acted in another order than they were sent."}},
    Registration<FindingKind>{{"port-dead", "A forwarded port did not answer."}},
    Registration<FindingKind>{{"clock-skew", "A guest clock stood still, jumped back or is wrong."}},
    Registration<FindingKind>{{"not-unique", "Clones drew the same random bytes or carry the same identity."}},
    Registration<FindingKind>{{"leak", "Processes, descriptors, threads or memory grow with each cycle."}},
    Registration<FindingKind>{{"snapshot-corrupt", "A stored snapshot is not what was written."}},
    Registration<FindingKind>{{"handler-died", "The page server ended while its VM lived."}},
    Registration<FindingKind>{{"left-quiesced", "An aborted pause did not give the service back."}},
    Registration<FindingKind>{
        {"quiesce-undone", "A guest prepared for a snapshot went on with its work before the freeze."}},
    Registration<FindingKind>{{"limit", "A measured limit was broken."}},
    Registration<FindingKind>{{"divergence", "Page tracker and kernel disagree about a page."}},
};

}  // namespace
}  // namespace snaphammer::scenario
