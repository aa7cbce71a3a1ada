// The guest's TCP ports, reachable from the host: /ports, /ports/start, /ports/stop, /ports/restart.
//
//   PortService ports(executor, reaper, options);
//   ports.add_routes(router);
//   co_await ports.start();
//
// From a start to the stop that follows is one cycle (forwarding.h), which owns all that it has started. start(), stop()
// and restart() are done when they return, each is right at any moment, and they happen one after the other in the order
// in which they were asked for: a restart during a stop begins when that is over. One io_context thread.
#pragma once

#include <memory>

#include "guest-workloads/agent/ports/forwarding.h"
#include "guest-workloads/agent/router.h"
#include "guest-workloads/agent/turns.h"

namespace snaphammer::guest {

class PortService {
 public:
  PortService(const asio::any_io_executor& executor, Reaper& reaper, PortsOptions options);

  void add_routes(Router& router);
  /// How forwarders are kept from now on.
  void set_care(agent::Forwarders care);

  /// Ports are looked for at once, but not before the caller has gone on; now, when they are looked after already.
  Awaitable<void> start();
  /// Returns when no forwarder is left.
  Awaitable<void> stop();
  Awaitable<void> restart();
  bool running() const { return cycle_ != nullptr; }
  agent::PortsReport report() const;

  /// For the end of the agent: looks for no port any more. Forwarders are the reaper's.
  void close();

 private:
  Awaitable<void> end_cycle();
  void begin_cycle();
  Awaitable<void> answer(Exchange& exchange, Awaitable<void> operation);
  Awaitable<void> answer_report(Exchange& exchange);

  asio::any_io_executor executor_;
  Reaper& reaper_;
  PortsOptions options_;
  agent::Forwarders care_ = agent::Forwarders::kSupervised;
  std::shared_ptr<Forwarding> cycle_;
  bool closed_ = false;
  Turns turns_;  ///< To start and stop.
};

}  // namespace snaphammer::guest
