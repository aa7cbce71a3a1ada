// Stops the guest's vCPUs at a point of a sequence, for a step that waits for it.
//
//   CO_SNAP_TRY(co_await stop.at("restore.init:before"));              // a step, beside or after what runs the sequence
//   CO_SNAP_TRY(co_await stop.reached("restore.init:before", sandbox)); // the sequence's observer, at every point
//
// One waits at a time. One io_context thread.
#pragma once

#include <memory>
#include <string>

#include "lib/base/async.h"
#include "lib/sandbox/sandbox.h"

namespace snaphammer::engine {

class PhaseStop {
 public:
  explicit PhaseStop(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Returns when a sequence has come to `point` and vCPUs are stopped there.
  Async<void> at(std::string point);
  Async<void> reached(std::string point, sandbox::Sandbox& sandbox);

 private:
  struct Waiting {
    std::string point;
    Event stopped;
    Result<void> outcome = {};
  };

  asio::any_io_executor executor_;
  std::shared_ptr<Waiting> waiting_;  // Shared with who waits, which may be cancelled meanwhile.
};

}  // namespace snaphammer::engine
