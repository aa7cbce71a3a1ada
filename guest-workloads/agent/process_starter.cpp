#include "guest-workloads/agent/process_starter.h"

#include <algorithm>
#include <thread>

#include "lib/base/blocking.h"

namespace snaphammer::guest {

// More than there are processors would only wait for each other.
std::size_t ProcessStarter::threads() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 4); }

ProcessStarter::ProcessStarter(Reaper& reaper) : reaper_(reaper), pool_(threads()) {}

Async<StartedProcess> ProcessStarter::start(Command command) {
  const std::uint64_t number = reaper_.begin_start();
  const auto start_it = [command = std::move(command)] { return spawn(command); };
  Result<Process> process = co_await run_blocking(pool_, start_it);
  auto started = std::move(process).map([this](Process made) {
    const pid_t pid = made.pid;
    return StartedProcess{.process = std::move(made), .child = reaper_.adopt(pid)};
  });
  reaper_.end_start(number);
  co_return started;
}

}  // namespace snaphammer::guest
