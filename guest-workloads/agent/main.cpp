// snaphammer-agent: init of a Snaphammer guest. As PID 1 it sets the guest up and serves for ever; otherwise it
// is an ordinary process that serves where it is told to, for tests on a host.
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>
#include <signal.h>
#include <unistd.h>

#include "guest-workloads/agent/agent.h"
#include "guest-workloads/agent/init_duties.h"
#include "guest-workloads/agent/rehearsal.h"
#include "guest-workloads/agent/version.h"
#include "lib/agent/protocol.h"

namespace {

using namespace snaphammer;         // NOLINT: a program, not a library
using namespace snaphammer::guest;  // NOLINT

constexpr char kUsage[] =
    "usage: snaphammer-agent --listen unix:PATH --output unix:PATH [--state DIR] [--workloads DIR]\n"
    "       snaphammer-agent --version\n"
    "Without options it is the init of a guest and must be PID 1.\n";

Result<void> set_up_guest() {
  SNAP_TRY(mount_file_systems());
  SNAP_TRY(open_console());
  SNAP_TRY(set_up_environment());
  return load_modules(kModuleList);
}

void say(const std::string& text) { std::fprintf(stderr, "snaphammer-agent: %s\n", text.c_str()); }

// Serves until the end of the guest. Returning, or an exception, is a fatal error.
Result<void> serve_as_init() {
  SNAP_TRY(set_up_guest());
  asio::io_context context(1);
  const AgentConfig config{.listen = Endpoint::vsock_any(agent::kAgentPort),
                           .output = Endpoint::vsock_host(agent::kOutputPort),
                           .limits = {},
                           .ports = {},
                           .in_guest = true};
  SNAP_ASSIGN(const auto agent, Agent::start(context, config));
  say(std::string("version ") + kAgentVersion + " serves on " + config.listen.name);
  context.run();
  return Error(ErrorKind::kInternal, "the event loop has ended");
}

int run_as_init() {
  // Ctrl-Alt-Del and the like must not end the guest.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  try {
    power_off(serve_as_init().error().describe());
  } catch (const std::exception& error) {
    power_off(error.what());
  }
}

Result<AgentConfig> parse_options(const std::vector<std::string>& arguments) {
  AgentConfig config;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    const std::string& name = arguments[i];
    const std::string& value = arguments[i + 1];
    if (name == "--listen") {
      SNAP_ASSIGN(config.listen, Endpoint::parse(value));
    } else if (name == "--output") {
      SNAP_ASSIGN(config.output, Endpoint::parse(value));
    } else if (name == "--state") {
      config.state_directory = value;
    } else if (name == "--workloads") {
      config.workloads = value;
    } else {
      return Error(ErrorKind::kInvalid, "unknown option " + name);
    }
  }
  if (arguments.size() % 2 != 0) return Error(ErrorKind::kInvalid, arguments.back() + " without a value");
  if (config.listen.name.empty() || config.output.name.empty()) {
    return Error(ErrorKind::kInvalid, "--listen and --output are needed");
  }
  return config;
}

Result<void> serve_on_host(const AgentConfig& config) {
  asio::io_context context(1);
  SNAP_ASSIGN(const auto agent, Agent::start(context, config));
  asio::signal_set end(context, SIGTERM, SIGINT);
  end.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) agent->stop();
  });
  say("serves on " + config.listen.name);
  context.run();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (::getpid() == 1) return run_as_init();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments == std::vector<std::string>{"--version"}) {
    std::printf("%s\n", kAgentVersion);
    return 0;
  }
  if (arguments == std::vector<std::string>{std::string(Rehearsal::kHelper)}) return Rehearsal::run_helper();
  const Result<AgentConfig> config = parse_options(arguments);
  if (!config) {
    say(config.error().describe());
    std::fputs(kUsage, stderr);
    return 2;
  }
  const Result<void> served = serve_on_host(*config);
  if (!served) say(served.error().describe());
  return served ? 0 : 1;
}
