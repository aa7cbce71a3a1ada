#include "harness/workloads/ledger.h"

#include "harness/scenario/kinds.h"

namespace snaphammer::workloads {

using namespace std::chrono_literals;
using scenario::Choices;
using scenario::Fields;
using scenario::Node;
using scenario::Reader;

void describe(Choices<Over>& words) {
  words.add(Over::kTcp, "tcp", "its TCP port, through the host's proxy and the guest's port forwarder");
  words.add(Over::kVsock, "vsock",
            "its vsock port, directly: what a pause does about connections does not concern these");
}

void describe(Choices<Repeats>& words) {
  words.add(Repeats::kAnswered, "answered", "a request that comes again gets its first answer: it acts once at most");
  words.add(Repeats::kExecuted, "executed", "it acts again, as with services that do not know it from a new one");
}

void describe(Fields<Ledger>& fields) {
  fields.add("port", &Ledger::port, "TCP port in the guest.").between(1, 65535);
  fields.add("vsock", &Ledger::vsock, "vsock port in the guest.").between(1024, 65535);
  fields.add("work", &Ledger::work, "What a request takes, from its entry to its answer.").between(1ms, 1h);
  fields.add("repeats", &Ledger::repeats, "What becomes of a request that comes again after its connection failed.");
  fields.add("file", &Ledger::file,
             "Where in the guest entries are written at each quiesce. A guest that is restored goes on with what is "
             "there, as one does that has its disk back and not its memory; without it, with its memory.");
  fields.add("clients", &Ledger::clients, "Clients on the host.").between(1, 256);
  fields.add("over", &Ledger::over, "How they reach the guest, in turn.")
      .check([](const std::vector<Over>& over, Reader& reader, const Node& node) {
        if (over.empty()) reader.expected(node, "at least one of tcp and vsock");
      });
  fields.add("rate", &Ledger::rate, "Requests per second that each client sends at most.").between(1, 1000);
}

namespace {

const scenario::Registration<scenario::WorkloadKind> kRegistration{
    {"ledger",
     "Serves clients on the host and enters each of their requests once; the oracle of that name compares what they "
     "were "
     "answered with what was entered.",
     "start: {workload: ledger, args: {clients: 4, over: [tcp, vsock]}}",
     scenario::args_of<Ledger>(),
     {"clients", "over", "rate"}}};

}  // namespace
}  // namespace snaphammer::workloads
