#include "guest-workloads/agent/ports/forwarding.h"

#include <algorithm>

#include "lib/agent/protocol.h"
#include "lib/base/start_task.h"

namespace snaphammer::guest {

using agent::Forwarders;
using agent::PortInfo;
using agent::PortState;

Command vsock_forwarder(const ListeningPort& port) {
  const std::string listen = "VSOCK-LISTEN:" + std::to_string(agent::kForwardedPorts + port.port);
  // -d -d: says when it listens. -t: how long one direction may go on after the end of the other.
  return {.command = {"socat", "-d", "-d", "-t", "30", listen + ",fork,backlog=128", port.address},
          .environment = {},
          .directory = "/"};
}

Forwarding::Forwarding(const asio::any_io_executor& executor, Reaper& reaper, const PortsOptions& options,
                       Forwarders care)
    : executor_(executor), reaper_(reaper), options_(options), care_(care), timer_(executor), scans_ended_(executor) {}

std::shared_ptr<Forwarding> Forwarding::begin(const asio::any_io_executor& executor, Reaper& reaper,
                                              const PortsOptions& options, Forwarders care) {
  std::shared_ptr<Forwarding> cycle(new Forwarding(executor, reaper, options, care));
  start_task(executor, cycle->scan_again_and_again());
  return cycle;
}

Awaitable<void> Forwarding::scan_again_and_again() {
  const auto self = shared_from_this();
  // The first one as soon as whoever began the cycle has gone on: an init is not to wait for it.
  for (Duration pause{}; !ending_; pause = options_.scan_interval) {
    timer_.expires_after(pause);
    static_cast<void>(co_await timer_.async_wait(as_result));
    if (!ending_) scan();
  }
  scans_ended_.set();
}

void Forwarding::scan() {
  const Result<std::vector<ListeningPort>> found = listening_ports(options_.proc_net);
  if (!found) return;  // The kernel had no memory for its tables: ports are as they were.
  for (auto& [number, port] : ports_) port.wanted.clear();
  for (std::size_t i = 0; i < std::min(found->size(), options_.most); ++i) {
    const ListeningPort& listening = (*found)[i];
    ports_[listening.port].wanted = listening.address;
  }
  for (auto& [number, port] : ports_) look_after(number, port);
  std::erase_if(ports_, [](const auto& entry) { return entry.second.wanted.empty() && !entry.second.forwarder; });
}

void Forwarding::look_after(std::uint16_t number, Port& port) {
  if (port.forwarder != nullptr && port.forwarder->gone()) note_end(port);
  if (port.forwarder != nullptr && port.address != port.wanted) {
    port.forwarder->kill();
    port.dismissed = true;
  }
  if (port.forwarder == nullptr && !port.wanted.empty() && may_start(port)) start(number, port);
}

bool Forwarding::may_start(const Port& port) const {
  if (port.starts == 0) return true;
  return care_ == Forwarders::kSupervised && SteadyClock::now() >= port.not_before;
}

void Forwarding::start(std::uint16_t number, Port& port) {
  ++port.starts;
  port.started = SteadyClock::now();
  port.address = port.wanted;
  auto forwarder = Forwarder::start(executor_, reaper_, options_.forwarder({number, port.wanted}));
  if (forwarder) {
    port.forwarder = *std::move(forwarder);
  } else {
    port.complaint = forwarder.error().describe();
    note_end(port);
  }
}

// It has ended, or could not be started.
void Forwarding::note_end(Port& port) {
  if (port.forwarder != nullptr) port.complaint = port.forwarder->complaint();
  port.forwarder.reset();
  if (port.dismissed) {  // What comes now is another port, so to speak.
    Port fresh;
    fresh.wanted = port.wanted;
    port = std::move(fresh);
    return;
  }
  const TimePoint now = SteadyClock::now();
  if (now - port.started >= options_.longest_backoff) port.backoff = Duration::zero();
  port.not_before = now + port.backoff;
  port.backoff = std::clamp(2 * port.backoff, options_.scan_interval, options_.longest_backoff);
}

std::vector<PortInfo> Forwarding::ports() const {
  std::vector<PortInfo> result;
  for (const auto& [number, port] : ports_) {
    if (port.wanted.empty()) continue;
    PortInfo info{.port = number, .state = PortState::kFailed, .pid = 0, .respawns = 0, .error = port.complaint};
    if (port.starts > 0) info.respawns = port.starts - 1;
    if (port.dismissed) {
      info.state = PortState::kStarting;  // As soon as the former one is gone.
    } else if (port.forwarder != nullptr && !port.forwarder->ended()) {
      info.state = port.forwarder->listening() ? PortState::kForwarded : PortState::kStarting;
      info.pid = port.forwarder->pid();
      info.error.clear();
    } else if (port.forwarder != nullptr) {
      info.error = port.forwarder->complaint();
    }
    result.push_back(std::move(info));
  }
  return result;
}

void Forwarding::cancel() {
  ending_ = true;
  timer_.cancel();
}

Awaitable<void> Forwarding::end() {
  const auto self = shared_from_this();
  cancel();
  static_cast<void>(co_await scans_ended_.wait());
  if (care_ == Forwarders::kAbandoned) co_return;
  for (const auto& [number, port] : ports_) {
    if (port.forwarder != nullptr) port.forwarder->kill();
  }
  for (const auto& [number, port] : ports_) {
    if (port.forwarder != nullptr) co_await port.forwarder->wait_gone();
  }
}

}  // namespace snaphammer::guest
