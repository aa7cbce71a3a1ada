#include "guest-workloads/agent/agent.h"

#include <signal.h>

#include "guest-workloads/agent/exec.h"
#include "guest-workloads/agent/health.h"
#include "guest-workloads/agent/http_server.h"
#include "guest-workloads/agent/identity.h"
#include "guest-workloads/agent/kernel_log.h"
#include "guest-workloads/agent/metrics.h"
#include "guest-workloads/agent/output_stream.h"
#include "guest-workloads/agent/quiesce.h"
#include "guest-workloads/agent/reaper.h"
#include "guest-workloads/agent/rehearsal.h"
#include "guest-workloads/agent/workloads.h"

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
        health(
            identity, [this] { return output.epoch(); }, [this] { return quiesce.quiesced(); }),
        metrics([this] { return server.connections(); }),
        exec(context.get_executor(), reaper, identity),
        workloads(context.get_executor(), reaper, identity, output, config.workloads),
        quiesce(*system, workloads, [this] { server.close_idle(); }) {
    health.add_routes(router);
    metrics.add_routes(router);
    identity.add_routes(router);
    exec.add_routes(router);
    workloads.add_routes(router);
    quiesce.add_routes(router);
    identity.on_new_generation([this] { return quiesce.undo(); });
  }

  bool before_output() {
    rehearsal.again();
    return renew_listener();
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
  }
  return std::unique_ptr<Agent>(new Agent(std::move(parts)));
}

void Agent::stop() {
  parts_->server.stop();
  parts_->output.stop();
  parts_->kernel_log.stop();
  parts_->workloads.abandon();
  parts_->reaper.stop();
}

}  // namespace snaphammer::guest
