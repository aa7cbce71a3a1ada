// The first phases of the pause: what becomes of operations and connections that are under way.
#include "lib/base/log.h"
#include "lib/sandbox/sandbox.h"

namespace snaphammer::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr Duration kOwnDeadline = 10s;  // For what waits for nobody outside this process.

}  // namespace

void Sandbox::add_in_flight_phases(Sequence& sequence) {
  if (config_.refuse_operations) {
    const auto accept = [this] {
      in_flight_.accept();
      return completed(Result<void>());
    };
    sequence.add(
        phases::kRefuseOperations, kOwnDeadline,
        [this] {
          in_flight_.refuse("the guest is being paused");
          return completed(Result<void>());
        },
        accept);
  }
  sequence.add(phases::kDrainConnections, config_.drain_grace + kOwnDeadline, [this] { return drain(); });
  if (config_.force_close) {
    sequence.add(phases::kForceClose, kOwnDeadline, [this]() -> Async<void> {
      co_await in_flight_.force_close();
      co_return Result<void>();
    });
  }
}

Async<void> Sandbox::drain() {
  const std::size_t left = co_await in_flight_.drain(config_.drain_grace);
  if (left > 0) {
    log_info("sandbox", "{} operations and connections did not end within {}", left,
             format_duration(config_.drain_grace));
  }
  co_return Result<void>();
}

}  // namespace snaphammer::sandbox
