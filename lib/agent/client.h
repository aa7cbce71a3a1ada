// The host's way to ask the agent in a guest, over the hybrid vsock door.
//
//   Client client(executor, "/.../vsock.sock");
//   CO_SNAP_ASSIGN(HealthReport health, co_await client.health());
//   ExecRequest request{.id = "run-1", .command = {"uname", "-r"}, .timeout = 5s};
//   CO_SNAP_ASSIGN(ExecResult result, co_await client.exec(std::move(request)));
//
// Each call makes a connection of its own: connect to the door, `CONNECT 1024\n`, `OK ...\n`, one
// HTTP/1.1 request, one answer. So calls are independent, may run in parallel, and a call that is
// cancelled ends its connection (and with it, an exec in the guest). The client may be destroyed
// only when its calls have returned.
//
// Errors: kGone, the connection was refused or reset (the guest was restored, or nobody listens
// there: ask again after the next Ready); kTimeout; kInvalid, kUnavailable, kIo: the agent's own
// words, or an answer that is not allowed. What a guest sends is untrusted: sizes are bounded and
// JSON is read strictly.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "lib/agent/exec_protocol.h"
#include "lib/agent/metrics_protocol.h"
#include "lib/agent/ports_protocol.h"
#include "lib/agent/protocol.h"
#include "lib/agent/random_protocol.h"
#include "lib/agent/workload_protocol.h"
#include "lib/base/async.h"

namespace snaphammer::agent {

struct ClientOptions {
  Duration connect_timeout = std::chrono::seconds(5);   ///< From connect() to `OK`.
  Duration request_timeout = std::chrono::seconds(30);  ///< For a call; exec, start, check and stop add their own.
  std::size_t max_response = 1_MiB;                     ///< Of one answer that is not a stream.
  std::size_t max_output = 4_MiB;  ///< Kept of each of an exec's outputs; what follows is dropped and counted.
};

struct ExecResult {
  ProcessEnd end;
  bool timed_out = false;  ///< Killed because the request's timeout passed.
  bool recorded = false;   ///< The id was seen before; this is how that one ended, without its output.
  std::string error;       ///< Why it could not be started, or why it was killed.
  std::string output;      ///< Standard output.
  std::string error_output;
  std::uint64_t dropped_bytes = 0;  ///< Of both, beyond ClientOptions::max_output.
  Duration duration{};              ///< From the request to its last frame, on the host's clock.

  bool success() const { return end.code == 0 && !timed_out; }
};

class Client {
 public:
  enum class Stream { kStdout, kStderr };
  using OnOutput = std::function<void(Stream, std::string_view)>;
  using OnFinding = std::function<void(Finding)>;

  Client(asio::any_io_executor executor, std::filesystem::path door, ClientOptions options = {});

  Async<HealthReport> health();
  Async<Metrics> metrics();
  Async<RandomDraws> random_draws();
  Async<InitReport> init(InitRequest request);
  Async<void> set_clock(ClockRequest request);

  /// Quiesces the guest for a snapshot; every workload has answered when it returns.
  Async<void> prepare(PrepareRequest request);
  /// Undoes prepare(); nothing happens when there is nothing to undo.
  Async<void> undo_prepare();
  Async<void> drop_page_cache();

  /// The TCP ports that are, or shall be, reachable from the host.
  Async<PortsReport> ports();
  // Each returns when it is done: forwarders of the ports that are there have been started, or nothing of them is left.
  Async<void> start_ports();
  Async<void> stop_ports();
  Async<void> restart_ports();

  /// Runs a command. `on_output` gets the bytes as they come, the result has them too. A process
  /// that fails, times out or cannot be started is a result, not an error.
  Async<ExecResult> exec(ExecRequest request, OnOutput on_output = {});

  /// Returns when the workload has said that it is ready.
  Async<WorkloadInfo> start_workload(StartWorkload request);
  /// Has it check everything now. `on_finding` gets all findings since the last check, then the report comes.
  /// `silence`: how long neither a finding nor the verdict may come; then the result is kTimeout.
  Async<CheckReport> check_workload(std::string as, Duration silence, OnFinding on_finding);
  /// Asks it to stop, kills it after `timeout`. Findings not yet delivered stay for a later check.
  Async<WorkloadInfo> stop_workload(std::string as, Duration timeout);
  Async<std::vector<WorkloadInfo>> workloads();
  /// Has it set pages aside that hold what it wrote, and returns where they are. kUnavailable: it refuses.
  Async<PagesSetAside> set_aside(std::string as, SetAside request);
  /// Has it take them back. Returns when it has verified them; the next check delivers what it found.
  Async<void> take_back(std::string as, TakeBack request);

 private:
  template <class T>
  Async<T> get(std::string path);
  Async<void> post(std::string path, std::string body, Duration limit);

  asio::any_io_executor executor_;
  std::filesystem::path door_;
  ClientOptions options_;
};

}  // namespace snaphammer::agent
