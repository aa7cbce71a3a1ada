#include "guest-workloads/agent/agent.h"

#include <signal.h>

#include "guest-workloads/agent/exec.h"
#include "guest-workloads/agent/health.h"
#include "guest-workloads/agent/http_server.h"
#include "guest-workloads/agent/identity.h"
#include "guest-workloads/agent/kernel_log.h"
#include "guest-workloads/agent/metrics.h"
#include "guest-workloads/agent/output_stream.h"
#include "guest-workloads/agent/ports/port_service.h"
#include "guest-workloads/agent/quiesce.h"
#include "guest-workloads/agent/random.h"
#include "guest-workloads/agent/reaper.h"
#include "guest-workloads/agent/rehearsal.h"
#include "guest-workloads/agent/workloads.h"
#include "lib/base/start_task.h"

namespace snaphammer::guest {

// Built in the order in which they refer to each other.
struct Agent::Parts {
  Parts(asio::io_context& context, const AgentConfig& config, Acceptor acceptor)
      : reaper(context),
        rehearsal(reaper),
        system(config.in_guest ? make_guest_system() : make_untouched_system()),
        identity(*system, config.state_directory),
        server(std::move(acceptor), router, config.limits),
        output(context.get_executor(), config.output, read_boot_id(), [this] { return before_output(); }),
        kernel_log(context.get_executor(), output),
        health(identity, output, quiesce),
        metrics([this] { return server.connections(); }),
        exec(context.get_executor(), reaper, identity),
        workloads(context.get_executor(), reaper, identity, output, config.workloads),
        ports(context.get_executor(), reaper, config.ports),
        quiesce(context.get_executor(), *system, workloads, ports,
                [this](TimePoint when) { server.close_idle(when); }) {
    health.add_routes(router);
    metrics.add_routes(router);
    add_random_route(router);
    identity.add_routes(router);
    exec.add_routes(router);
    workloads.add_routes(router);
    ports.add_routes(router);
    quiesce.add_routes(router);
    identity.on_new_generation([this] { return begin_generation(); });
  }

  bool before_output() {
    rehearsal.again();
    return renew_listener();
  }

  Async<void> begin_generation() {
    const agent::AgentPolicy& policy = identity.policy();
    server.set_policy(policy);
    ports.set_care(policy.forwarders);
    return quiesce.undo();
  }

  bool renew_listener() {
    switch (identity.listener()) {
      case agent::ListenerAfterReset::kHandshake:
        return server.register_listener_again();
      case agent::ListenerAfterReset::kDoubleRebind:
        return server.register_listener_twice();
      case agent::ListenerAfterReset::kUntouched:
        return true;
    }
    return false;
  }

  Reaper reaper;
  Rehearsal rehearsal;
  std::unique_ptr<GuestSystem> system;
  IdentityService identity;
  Router router;
  HttpServer server;
  OutputStream output;
  KernelLog kernel_log;
  HealthService health;
  MetricsService metrics;
  ExecService exec;
  WorkloadService workloads;
  PortService ports;
  QuiesceService quiesce;
};

Agent::Agent(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::start(asio::io_context& context, const AgentConfig& config) {
  // A pipe or connection that ended is an error of that write, not of the agent.
  ::signal(SIGPIPE, SIG_IGN);
  SNAP_ASSIGN(Acceptor acceptor, listen(context.get_executor(), config.listen));
  auto parts = std::make_unique<Parts>(context, config, std::move(acceptor));
  parts->server.start();
  parts->output.start();
  if (config.in_guest) {
    SNAP_TRY(parts->kernel_log.start());
    SNAP_TRY(parts->rehearsal.begin());
    start_task(context.get_executor(), parts->ports.start());
  }
  return std::unique_ptr<Agent>(new Agent(std::move(parts)));
}

void Agent::stop() {
  parts_->server.stop();
  parts_->output.stop();
  parts_->kernel_log.stop();
  parts_->workloads.abandon();
  parts_->ports.close();
  parts_->reaper.stop();
}

}  // namespace snaphammer::guest
