// Starts processes on threads of its own. A start keeps its thread waiting until the child runs its program
// (posix_spawn(3) is a vfork): most of what a short command costs, and on the agent's one thread ten commands would pay it
// one after another.
//
//   ProcessStarter starter(reaper);
//   Result<StartedProcess> process = co_await starter.start({.command = {"ls"}});
//
// One io_context thread; it must outlive its starts.
#pragma once

#include <cstddef>
#include <memory>

#include <boost/asio/thread_pool.hpp>

#include "guest-workloads/agent/process.h"
#include "guest-workloads/agent/reaper.h"
#include "lib/base/async.h"

namespace snaphammer::guest {

struct StartedProcess {
  Process process;
  std::shared_ptr<Child> child;
};

class ProcessStarter {
 public:
  explicit ProcessStarter(Reaper& reaper);

  /// How many it has.
  static std::size_t threads();
  /// Not cancellable: it ends by itself, and the child is adopted.
  Async<StartedProcess> start(Command command);

 private:
  Reaper& reaper_;
  asio::thread_pool pool_;
};

}  // namespace snaphammer::guest
