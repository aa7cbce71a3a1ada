// FaultHandler: who serves the page faults of one restored VMM: the page server in this process, or a program of the
// user's that speaks Firecracker's page-fault hand-off.
//
//   SNAP_ASSIGN(auto handler, start_builtin_handler(std::move(server_options), relay));
//   SNAP_ASSIGN(auto handler, start_external_handler({.command = {"handler", "{socket}", "{memory}"}, ...}));
//   handler->waiting_faults();
//   handler->stop();                        // after the VMM has ended; the destructor does it too
//
// It listens for the hand-off when it has been started. One io_context thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "lib/base/async.h"
#include "lib/uffd/handoff_relay.h"
#include "lib/uffd/page_server.h"

namespace snaphammer::sandbox {

struct HandlerEvents {
  std::function<void()> handed_off;   ///< It has been given the memory.
  std::function<void(Error)> failed;  ///< It does not serve any more, or never will, although nobody asked it to end.
};

class FaultHandler {
 public:
  virtual ~FaultHandler() = default;

  /// Null when it is a program.
  virtual uffd::PageServer* page_server() { return nullptr; }
  /// All faults that wait, by the kernel's own count.
  virtual Result<uffd::WaitingFaults> waiting_faults() const = 0;
  /// Ends it under the VMM's feet, as SIGKILL would: what it had to serve stays unserved. Reported as failed.
  virtual void kill() = 0;
  /// Makes it stand still, as SIGSTOP would.
  virtual Result<void> suspend() = 0;
  virtual Result<void> resume() = 0;
  /// Ends it. Bounded by one read of its source.
  virtual void stop() = 0;
  /// Returns when no fault and no REMOVE is under way any more, kTimeout after `limit`. Blocks; any thread. With vCPUs
  /// stopped. Afterwards guest memory is what page_server()->page_states() says, while that stands still, or, without one,
  /// all in RAM.
  virtual Result<void> settle(pid_t vmm, Duration limit) = 0;
};

/// The page server of this process. With `spoil` its hand-off is spoiled on its way.
Result<std::unique_ptr<FaultHandler>> start_builtin_handler(const asio::any_io_executor& executor,
                                                            uffd::PageServerOptions options,
                                                            std::optional<uffd::SpoiledHandoff> spoil,
                                                            HandlerEvents events);

struct ExternalHandlerOptions {
  std::vector<std::string> command;   ///< `{socket}` and `{memory}` in its words are replaced.
  std::filesystem::path vmm_socket;   ///< Where the VMM hands off.
  std::filesystem::path own_socket;   ///< What `{socket}` becomes: where the program is to listen.
  std::filesystem::path memory_file;  ///< What `{memory}` becomes: the whole memory, flat. It is removed at the end.
  std::filesystem::path log;          ///< The program's standard output and error, appended.
  std::filesystem::path handoff_log;  ///< The hand-off's message is kept here.
  std::optional<uffd::SpoiledHandoff> spoil = {};
};
/// A program. `memory_file` exists already: see write_flat_memory().
Result<std::unique_ptr<FaultHandler>> start_external_handler(const asio::any_io_executor& executor,
                                                             ExternalHandlerOptions options, HandlerEvents events);

/// Writes all of `source` to a new sparse file, as Firecracker's own snapshots have it. Blocks.
Result<void> write_flat_memory(const uffd::PageSource& source, const std::filesystem::path& file);

}  // namespace snaphammer::sandbox
