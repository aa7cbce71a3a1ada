// The knobs of the runtime under test, as scenarios set them. Every default is the right behaviour; each other value
// brings a real defect back. knobs.cpp gives the words, their meaning and where a defect was seen.
//
// Where lib/ has an enum for a knob, this is that enum. What the rest means to lib/ is decided where the sandbox is
// configured, in one function.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "harness/scenario/fields.h"
#include "lib/agent/output_listener.h"
#include "lib/agent/protocol.h"
#include "lib/base/units.h"
#include "lib/sandbox/budgets.h"
#include "lib/snapshot/options.h"
#include "lib/uffd/policy.h"

namespace snaphammer::scenario {

using snapshot::ZeroBlocks;
using uffd::EventOrder;
using uffd::OnEagain;
using uffd::OnRemove;
using uffd::Prefetch;

using agent::AcceptLoop;
using agent::Forwarders;
using agent::QuiesceGc;
using agent::QuiescePorts;
using ListenerAfterRestore = agent::ListenerAfterReset;
using RestoreBudgets = sandbox::Budgets;
using agent::OutputTaken;
using agent::UndoneBy;

struct BuiltinHandler {};
/// An external Firecracker handler; `{socket}` and `{memory}` in its words are replaced.
struct ExternalHandler {
  std::vector<std::string> command;
};
using UffdHandler = std::variant<BuiltinHandler, ExternalHandler>;

struct UffdKnobs {
  OnRemove on_remove = OnRemove::kZero;
  OnEagain on_eagain = OnEagain::kDefer;
  EventOrder event_order = EventOrder::kRemovesFirst;
  Prefetch prefetch = Prefetch::kAll;
  unsigned workers = 2;
  ByteCount prefetch_chunk = 2_MiB;
  unsigned read_retries = 3;
  UffdHandler handler;
};

struct BalloonAuto {};
struct BalloonOff {};
/// Automatic, off, or how large the balloon gets.
using BalloonAtPause = std::variant<BalloonAuto, BalloonOff, ByteCount>;

struct PauseKnobs {
  bool refuse_operations = true;
  bool force_close = true;
  Duration drain_grace = std::chrono::seconds(5);
  bool drop_page_cache = true;
  BalloonAtPause balloon;
  bool restore_service_on_abort = true;
};

struct QuiesceKnobs {
  bool enabled = true;
  QuiesceGc gc = QuiesceGc::kLast;
  bool single_thread = true;
  QuiescePorts ports = QuiescePorts::kStop;
  UndoneBy undone_by = UndoneBy::kInit;
};

struct RestoreKnobs {
  ListenerAfterRestore listener = ListenerAfterRestore::kHandshake;
  OutputTaken output = OutputTaken::kLatest;
  bool reseed = true;
  bool set_clock = true;
  RestoreBudgets budgets = RestoreBudgets::kSeparate;
  Duration budget_ready = std::chrono::seconds(30);
  Duration budget_init = std::chrono::seconds(30);
  unsigned warm_vmms = 0;
};

struct AgentKnobs {
  bool http_limits = true;
  AcceptLoop accept = AcceptLoop::kParallel;
  Forwarders forwarders = Forwarders::kSupervised;
};

struct SnapshotKnobs {
  ZeroBlocks zero_blocks = ZeroBlocks::kRecorded;
  bool checksums = true;
  bool sync = true;
};

struct RuntimeKnobs {
  UffdKnobs uffd;
  PauseKnobs pause;
  QuiesceKnobs quiesce;
  RestoreKnobs restore;
  AgentKnobs agent;
  SnapshotKnobs snapshot;
};

void describe(Choices<Prefetch>& words);
void describe(Fields<RuntimeKnobs>& fields);

}  // namespace snaphammer::scenario
