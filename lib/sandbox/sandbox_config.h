// What a Sandbox is made of: how its runtime behaves, and where its sockets and logs are.
//
//   SandboxConfig config;                        // right in every respect
//   config.uffd.on_remove = uffd::OnRemove::kIgnore;   // but in this one
//   Sandbox sandbox(executor, backend, config, {.sockets = "/run/x", .logs = "out/x"});
//
// Plain values: the Sandbox copies them; what is changed afterwards does not reach it.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/agent/output_listener.h"
#include "lib/agent/protocol.h"
#include "lib/base/units.h"
#include "lib/sandbox/budgets.h"
#include "lib/sandbox/pause_balloon.h"
#include "lib/sandbox/sequence.h"
#include "lib/uffd/policy.h"
#include "lib/uffd/source_faults.h"
#include "lib/vmm/vm.h"

namespace snaphammer::sandbox {

/// How this runtime behaves; each default is right.
struct SandboxConfig {
  vmm::VmConfig vm;
  uffd::Policy uffd;
  /// A page-fault handler of the user's instead of the page server: see ExternalHandlerOptions::command. Empty: none.
  std::vector<std::string> handler_command;
  /// What goes wrong in the source of a restored guest's page server, the first closest to it; none of them null.
  std::vector<std::shared_ptr<uffd::SourceFaults>> source_faults = {};
  OnAbort on_pause_abort = OnAbort::kUndo;
  Duration budget_ready = std::chrono::seconds(30);  ///< From resume to the guest's output connection.
  Duration budget_init = std::chrono::seconds(30);   ///< For init, after that.
  Budgets budgets = Budgets::kSeparate;
  agent::OutputTaken output = agent::OutputTaken::kLatest;
  unsigned warm_vmms = 0;  ///< VMM processes that are started ahead for the next restores.
  bool set_clock = true;   ///< Set the guest's wall clock at init, and when it goes on after a pause.
  agent::ListenerAfterReset listener = agent::ListenerAfterReset::kHandshake;
  agent::AgentPolicy agent;  ///< From each init on.
  /// How the guest is quiesced before a snapshot; nothing: not at all.
  std::optional<agent::PrepareRequest> quiesce = agent::PrepareRequest{};
  bool drop_page_cache = true;  ///< Before a snapshot.
  PauseBalloon balloon;         ///< Before a snapshot; deflated when the guest goes on, and after a restore.
  /// What a pause does about operations on the guest and proxied connections: see the first phases of `pause`.
  bool refuse_operations = true;                   ///< New ones, from its start; otherwise while vCPUs stand still.
  Duration drain_grace = std::chrono::seconds(5);  ///< How long those under way may go on.
  bool force_close = true;                         ///< Whether those that are left then are ended.
  bool reseed = true;                              ///< Give the guest's kernel fresh entropy at init.
  std::string name = "guest";                      ///< The guest's identity.
};

struct RestoreOptions {
  bool let_run = true;  ///< Otherwise the guest stays paused.
  /// The snapshot is of a freshly booted guest, and the restore is to be like its boot: the page server serves its memory,
  /// with its working set prefetched, and rightly, whatever the configuration says of any of it.
  bool in_place_of_boot = false;
};

struct SandboxPaths {
  std::filesystem::path sockets;  ///< Short and private.
  std::filesystem::path logs;     ///< For console.log, vmm.log and output.jsonl.

  /// Of a VMM that is started from nothing.
  vmm::VmPlacement placement() const {
    return {.directory = sockets, .console_log = console_log(), .vmm_log = vmm_log(), .memory_handoff = {}};
  }
  std::filesystem::path console_log() const { return logs / "console.log"; }
  std::filesystem::path vmm_log() const { return logs / "vmm.log"; }
  std::filesystem::path output_log() const { return logs / "output.jsonl"; }
  std::filesystem::path door() const { return sockets / "vsock"; }
  std::filesystem::path handoff() const { return sockets / "uffd"; }
  std::filesystem::path handler_socket() const { return sockets / "uffd-handler"; }
  std::filesystem::path handler_memory() const { return logs / "handler-memory"; }
  std::filesystem::path handler_log() const { return logs / "handler.log"; }
  std::filesystem::path handoff_log() const { return logs / "handoff.json"; }
};

}  // namespace snaphammer::sandbox
