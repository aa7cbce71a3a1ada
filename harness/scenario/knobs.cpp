#include "harness/scenario/knobs.h"

#include "harness/scenario/union.h"

namespace snaphammer::scenario {

using namespace std::chrono_literals;

namespace {
constexpr Duration kLongest = 1h;
}

void describe(Choices<OnRemove>& words) {
  words.add(OnRemove::kZero, "zero", "a removed page reads as zeros from then on");
  words.add(OnRemove::kIgnore, "ignore", "the event is read and forgotten: the page comes back with its old bytes",
            "wrenn, 2026-05-09");
  words.add(OnRemove::kStop, "stop", "the first event ends the serving loop", "wrenn, before and after");
}
void describe(Choices<OnEagain>& words) {
  words.add(OnEagain::kDefer, "defer", "the copy waits until the pending events are read");
  words.add(OnEagain::kDrop, "drop", "the copy is forgotten, and its vCPU never wakes", "wrenn");
  words.add(OnEagain::kSpin, "spin", "the copy is retried without reading on", "a naive handler");
}
void describe(Choices<EventOrder>& words) {
  words.add(EventOrder::kRemovesFirst, "removes-first", "within a batch, REMOVE events act before page faults");
  words.add(EventOrder::kAsRead, "as-read", "events act in the order in which they were read");
}
void describe(Choices<Prefetch>& words) {
  words.add(Prefetch::kAll, "all", "every page is copied in, in large chunks, behind the demand faults");
  words.add(Prefetch::kOff, "off", "pages come only when the guest touches them");
  words.add(Prefetch::kWorkingSet, "working-set", "the pages of an earlier restore, in the order of their use");
}
void describe(Choices<QuiesceGc>& words) {
  words.add(QuiesceGc::kLast, "last", "runtimes collect garbage after the last act that allocates");
  words.add(QuiesceGc::kFirst, "first", "runtimes collect garbage before the rest of the quiesce", "wrenn's first fix");
  words.add(QuiesceGc::kOff, "off", "runtimes are not asked to collect");
}
void describe(Choices<QuiescePorts>& words) {
  words.add(QuiescePorts::kStop, "stop", "port forwarders are stopped, and awaited");
  words.add(QuiescePorts::kKeep, "keep", "port forwarders run through the snapshot");
}
void describe(Choices<AcceptLoop>& words) {
  words.add(AcceptLoop::kParallel, "parallel", "each connection is served by itself");
  words.add(AcceptLoop::kSerial, "serial", "each connection is served to its end before the next one is taken");
}
void describe(Choices<Forwarders>& words) {
  words.add(Forwarders::kSupervised, "supervised", "one that dies is started again; a stop returns when all are gone");
  words.add(
      Forwarders::kAbandoned, "abandoned",
      "a stop forgets them while they run on, so the next start finds their addresses in use; the dead stay dead");
}
void describe(Choices<ListenerAfterRestore>& words) {
  words.add(ListenerAfterRestore::kHandshake, "handshake",
            "the listener is registered anew after the transport reset, and that is confirmed");
  words.add(ListenerAfterRestore::kDoubleRebind, "double-rebind",
            "registered twice: a stale edge-triggered registration eats the event",
            "fcvm before its fix: exec hung 60 s");
  words.add(ListenerAfterRestore::kUntouched, "untouched", "nothing is registered anew");
}
void describe(Choices<UndoneBy>& words) {
  words.add(UndoneBy::kInit, "init", "the first init of a new generation, which only a restored guest gets");
  words.add(UndoneBy::kHealthCheck, "health-check",
            "any health check is taken for the first one after a restore, also in the pause");
}
void describe(Choices<OutputTaken>& words) {
  words.add(OutputTaken::kLatest, "latest", "a newer output connection of the guest replaces the older one");
  words.add(OutputTaken::kFirst, "first", "the host keeps to the first one after the restore: a stale stream");
}
void describe(Choices<RestoreBudgets>& words) {
  words.add(RestoreBudgets::kSeparate, "separate", "ready and init have a time budget each");
  words.add(RestoreBudgets::kShared, "shared", "one budget for both: a slow ready starves init",
            "wrenn: one 30 s for both");
}
void describe(Choices<ZeroBlocks>& words) {
  words.add(ZeroBlocks::kRecorded, "recorded", "a block that became zero is recorded as zero");
  words.add(ZeroBlocks::kUnchanged, "unchanged", "a zero block of a diff is read as \"same as the parent\"");
}

void describe(Fields<ExternalHandler>& fields) {
  fields.add("command", &ExternalHandler::command, "Program and arguments; {socket} and {memory} are replaced.")
      .required()
      .check([](const std::vector<std::string>& command, Reader& reader, const Node& node) {
        if (command.empty()) reader.expected(node, "a program and its arguments");
      });
}
void describe(Union<UffdHandler>& shapes) {
  shapes.word<BuiltinHandler>("builtin", "Snaphammer's own page server");
  shapes.map<ExternalHandler>("command");
}
void describe(Union<BalloonAtPause>& shapes) {
  shapes.word<BalloonAuto>(
      "auto", "what a quiesced guest can spare, if that is worth the time; the guest gets it back before it goes on");
  shapes.word<BalloonOff>("off", "the balloon is not inflated");
  shapes.value<ByteCount, SizeCodec>();
}

void describe(Fields<UffdKnobs>& fields) {
  fields.add("on_remove", &UffdKnobs::on_remove, "What the page server does on a REMOVE event.");
  fields.add("on_eagain", &UffdKnobs::on_eagain, "What it does when a copy gets EAGAIN because events are pending.");
  fields.add("event_order", &UffdKnobs::event_order, "In which order the events of one batch act.");
  fields.add("prefetch", &UffdKnobs::prefetch, "Which pages are copied in without being asked for.");
  fields.add("workers", &UffdKnobs::workers, "Threads that serve page faults.").between(1, 64);
  fields.size("prefetch_chunk", &UffdKnobs::prefetch_chunk, "The largest copy of the prefetch.").between(4_KiB, 1_GiB);
  fields.add("read_retries", &UffdKnobs::read_retries, "How often a failed read of the snapshot is repeated; 0: never.")
      .between(0, 1000);
  fields.add("handler", &UffdKnobs::handler, "Who serves page faults.");
}
void describe(Fields<PauseKnobs>& fields) {
  fields.add("refuse_operations", &PauseKnobs::refuse_operations,
             "Whether new operations are refused from the start of a pause; false: wrenn before 2026-05-09.");
  fields.add("force_close", &PauseKnobs::force_close,
             "Whether connections that outlast the drain are closed; false: wrenn before 2026-05-09.");
  fields.add("drain_grace", &PauseKnobs::drain_grace, "How long proxied connections may go on.").between(0s, kLongest);
  fields.add("drop_page_cache", &PauseKnobs::drop_page_cache, "Whether the guest drops its page cache first.");
  fields.add("balloon", &PauseKnobs::balloon, "How large the balloon gets before the freeze.");
  fields.add("restore_service_on_abort", &PauseKnobs::restore_service_on_abort,
             "Whether a pause that fails gives the service back; false: wrenn, the guest stays quiesced.");
}
void describe(Fields<QuiesceKnobs>& fields) {
  fields.add("enabled", &QuiesceKnobs::enabled, "Whether the guest is quiesced before a snapshot at all.");
  fields.add("gc", &QuiesceKnobs::gc, "When language runtimes collect garbage.");
  fields.add("single_thread", &QuiesceKnobs::single_thread, "Whether runtimes go single-threaded until the restore.");
  fields.add("undone_by", &QuiesceKnobs::undone_by, "What makes a quiesced guest go on with its work by itself.");
  fields.add("ports", &QuiesceKnobs::ports, "What becomes of port forwarders.");
}
void describe(Fields<RestoreKnobs>& fields) {
  fields.add("listener", &RestoreKnobs::listener,
             "What the agent does with its vsock listener after a transport reset.");
  fields.add("output", &RestoreKnobs::output, "Which of the guest's output connections the host listens to.");
  fields.add("set_clock", &RestoreKnobs::set_clock,
             "Whether the guest's wall clock is set after a restore or a pause; false: it goes on from that moment.");
  fields.add("reseed", &RestoreKnobs::reseed,
             "Whether the guest kernel gets new randomness; false: clones share its random state.");
  fields.add("budgets", &RestoreKnobs::budgets, "Whether ready and init share one time budget.");
  fields.add("budget_ready", &RestoreKnobs::budget_ready, "How long the agent may take to be ready.")
      .between(1ms, kLongest);
  fields.add("budget_init", &RestoreKnobs::budget_init, "How long init may take.").between(1ms, kLongest);
  fields
      .add("warm_vmms", &RestoreKnobs::warm_vmms,
           "VMM processes that are started ahead, when a guest has become healthy, for the next restores.")
      .between(0, 8);
}
void describe(Fields<AgentKnobs>& fields) {
  fields.add("http_limits", &AgentKnobs::http_limits,
             "Whether the agent's HTTP server has header, idle and request time limits.");
  fields.add("accept", &AgentKnobs::accept, "How the agent's HTTP server takes connections.");
  fields.add("forwarders", &AgentKnobs::forwarders, "How the agent keeps the forwarders of the guest's TCP ports.");
}
void describe(Fields<SnapshotKnobs>& fields) {
  fields.add("zero_blocks", &SnapshotKnobs::zero_blocks, "How a diff stores a block that became zero.");
  fields.add("checksums", &SnapshotKnobs::checksums, "Whether extents and manifest carry checksums.");
  fields.add("sync", &SnapshotKnobs::sync, "Whether a snapshot is on disk before it is published.");
}
void describe(Fields<RuntimeKnobs>& fields) {
  fields.add("uffd", &RuntimeKnobs::uffd, "The page server.");
  fields.add("pause", &RuntimeKnobs::pause, "The pause sequence.");
  fields.add("quiesce", &RuntimeKnobs::quiesce, "What the guest does before a snapshot.");
  fields.add("restore", &RuntimeKnobs::restore, "The restore sequence.");
  fields.add("agent", &RuntimeKnobs::agent, "The agent in the guest.");
  fields.add("snapshot", &RuntimeKnobs::snapshot, "The snapshot store.");
}

}  // namespace snaphammer::scenario
