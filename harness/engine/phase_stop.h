// Stops the guest's vCPUs at a point of a pause or restore sequence, and looks at them there.
//
//   CO_SNAP_TRY(stop.arm("restore.init:before", [](std::vector<vmm::VcpuState> vcpus) { ... }));
//   CO_SNAP_TRY(co_await stop.reached("restore.init:before"));    // from the sequences' observer, at every point
//   CO_SNAP_TRY(co_await stop.wait());                            // until it has come there
//
// One stop at a time. One io_context thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/engine/guest_symbols.h"
#include "lib/base/async.h"
#include "lib/sandbox/sandbox.h"

namespace snaphammer::engine {

class PhaseStop {
 public:
  using Told = std::function<void(std::vector<vmm::VcpuState> vcpus)>;

  /// Both outlive it. `symbols`: whose processes vCPUs are looked for in.
  PhaseStop(asio::any_io_executor executor, sandbox::Sandbox& sandbox, const GuestSymbols& symbols)
      : executor_(std::move(executor)), sandbox_(sandbox), symbols_(symbols) {}

  /// The next sequence that comes to `point` stops vCPUs there, calls `told`, and goes on. kUnavailable while another
  /// stop is waited for.
  Result<void> arm(std::string point, Told told);
  /// The point where vCPUs were not stopped: no sequence has come there, or stopping them failed.
  std::optional<std::string> armed() const;
  void disarm() { armed_.reset(); }
  /// Returns, with what came of it, when a sequence has come there; at once when nothing is armed.
  Async<void> wait();
  Async<void> reached(std::string point);

 private:
  struct Stop {
    std::string point;
    Told told;
    Event done;
    bool begun = false;
    Result<void> outcome = {};
  };
  Async<void> carry_out(Stop& stop);

  asio::any_io_executor executor_;
  sandbox::Sandbox& sandbox_;
  const GuestSymbols& symbols_;
  std::shared_ptr<Stop> armed_;  // Shared with who waits, and with who carries it out.
};

}  // namespace snaphammer::engine
