// What the host and the agent in the guest say to each other. Plain structs with their JSON; both sides use them.
//
//   GET  /health                   HealthReport
//   POST /init                     InitRequest -> InitReport
//   POST /clock                    ClockRequest -> {}: the wall clock is set, as /init does too
//   POST /snapshot/prepare         PrepareRequest -> {}: the guest is quiesced
//   POST /snapshot/undo            {} -> {}: it goes on; the first /init of a new generation does the same
//   POST /snapshot/drop-page-cache {} -> {}
//   POST /exec                     ExecRequest -> stream of ExecFrame (exec_protocol.h)
//   GET  /metrics                  Metrics (metrics_protocol.h)
//   GET  /ports                    PortsReport (ports_protocol.h)
//   POST /ports/{start,stop,restart}  {} -> {}: done when it is answered
//   GET  /workloads                {"workloads": [WorkloadInfo...]}
//   POST /workloads/start          StartWorkload -> WorkloadInfo (workload_protocol.h)
//   POST /workloads/{as}/check     {"timeout_ms": N} -> stream of Finding, then a CheckReport; N: of silence
//   POST /workloads/{as}/stop      {"timeout_ms": N} -> WorkloadInfo
//   POST /workloads/{as}/set-aside SetAside -> PagesSetAside
//   POST /workloads/{as}/take-back TakeBack -> {}
//
// All of it is HTTP/1.1 on vsock port kAgentPort of the guest. A stream is a chunked body of JSON lines. An error is
// {"error": "...", "advice": "..."} with a status of 400 or above. The guest's own connection to port kOutputPort of the
// host carries the lines of output_protocol.h.
//
// from_json() is strict: unknown fields, missing ones and wrong types are kInvalid.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/agent/agent_policy.h"
#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::agent {

inline constexpr std::uint32_t kAgentPort = 1024;
inline constexpr std::uint32_t kOutputPort = 1025;
inline constexpr std::uint32_t kHostCid = 2;
/// A TCP port of the guest is reached at this vsock port plus its number, which collides with nothing above.
inline constexpr std::uint32_t kForwardedPorts = 0x10000;

/// No line of any stream is longer, its newline included.
inline constexpr std::size_t kMaxLine = 64_KiB;

/// Names of workload instances and programs: 1 to 64 of [a-z0-9-].
bool is_valid_name(std::string_view name);
/// A timeout as it travels: whole milliseconds, 1 up to a day.
Result<Duration> timeout_from_ms(std::uint64_t milliseconds);

struct HealthReport {
  std::string status = "ok";
  std::string version;              ///< Of the agent.
  std::string boot_id;              ///< The guest kernel's; survives snapshots.
  std::string kernel;               ///< The guest kernel's release.
  Duration uptime{};                ///< CLOCK_MONOTONIC of the guest.
  Duration wall_clock{};            ///< CLOCK_REALTIME of the guest, since 1970.
  std::string generation;           ///< Of the last InitRequest; empty before the first.
  std::uint64_t output_epoch{};     ///< Of the latest output connection; 0 before the first.
  bool quiesced = false;            ///< Prepared for a snapshot, and that was not undone.
  std::uint64_t output_next_seq{};  ///< Of the output line that the agent will queue next.

  nlohmann::json to_json() const;
  static Result<HealthReport> from_json(const nlohmann::json& json);
};

/// Who this guest is; readable there in /run/snaphammer/identity.json.
struct Identity {
  std::string name;
  std::map<std::string, std::string> environment;  ///< Also given to every exec and workload from then on.
  std::string token;

  nlohmann::json to_json() const;
  static Result<Identity> from_json(const nlohmann::json& json);
};

/// What the agent does with its vsock listener after a transport reset.
enum class ListenerAfterReset {
  kHandshake,     ///< Registers it anew with its reactor, once, and says `ready` only after that.
  kDoubleRebind,  ///< Registers it twice, and leaves the second registration to nobody: it eats one connection.
  kUntouched,     ///< Nothing.
};
std::string_view name_of(ListenerAfterReset listener);

struct InitRequest {
  std::string generation;  ///< New for every boot, restore and clone. Repeated, nothing is done twice.
  Duration wall_clock{};   ///< The host's CLOCK_REALTIME, since 1970; 0 leaves the guest's clock alone.
  Identity identity;
  std::string entropy;  ///< Bytes for the guest kernel's random state, which is then reseeded; may be empty.
  ListenerAfterReset listener = ListenerAfterReset::kHandshake;  ///< In this guest's next lives.
  AgentPolicy policy{};                                          ///< From now on.

  nlohmann::json to_json() const;
  static Result<InitRequest> from_json(const nlohmann::json& json);
};

struct InitReport {
  std::string generation;
  Duration clock_step{};          ///< How far the wall clock was moved, forward positive.
  std::uint64_t entropy_bytes{};  ///< How many were added.

  nlohmann::json to_json() const;
  static Result<InitReport> from_json(const nlohmann::json& json);
};

/// For a guest that stood still for a while and is the same afterwards: nothing else of /init is due then.
struct ClockRequest {
  Duration wall_clock{};  ///< The host's CLOCK_REALTIME, since 1970.

  nlohmann::json to_json() const;
  static Result<ClockRequest> from_json(const nlohmann::json& json);
};

/// When language runtimes collect garbage before a snapshot.
enum class QuiesceGc {
  kLast,   ///< After the last act of the agent that allocates.
  kFirst,  ///< Before anything else.
  kOff,    ///< They are not asked to.
};
std::string_view name_of(QuiesceGc gc);

/// What becomes of port forwarders before a snapshot.
enum class QuiescePorts {
  kStop,  ///< They are stopped, and awaited.
  kKeep,  ///< They run through the snapshot.
};
std::string_view name_of(QuiescePorts ports);

/// What makes a quiesced guest go on with its work, besides being asked to.
enum class UndoneBy {
  kInit,         ///< The first init of a new generation: only a restored guest gets one.
  kHealthCheck,  ///< Any health check: it is taken for the first one after a restore.
};
std::string_view name_of(UndoneBy by);

struct PrepareRequest {
  QuiesceGc gc = QuiesceGc::kLast;
  bool single_thread = true;  ///< Runtimes go single-threaded until it is undone.
  QuiescePorts ports = QuiescePorts::kStop;
  Duration timeout = std::chrono::seconds(20);  ///< For each workload to answer. Whole milliseconds.
  UndoneBy undone_by = UndoneBy::kInit;

  nlohmann::json to_json() const;
  static Result<PrepareRequest> from_json(const nlohmann::json& json);
};

}  // namespace snaphammer::agent
