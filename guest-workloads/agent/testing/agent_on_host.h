// An agent, its door, the host's client and its output listener, all in one process: for tests without a VM.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "guest-workloads/agent/agent.h"
#include "guest-workloads/agent/ports/testing/ports_on_host.h"
#include "guest-workloads/agent/testing/door_relay.h"
#include "lib/agent/client.h"
#include "lib/agent/output_listener.h"
#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::guest {

using namespace std::chrono_literals;  // NOLINT: tests
using agent::Client;
using agent::ExecRequest;
using agent::ExecResult;

class AgentOnHost : public testing::Test {
 protected:
  explicit AgentOnHost(HttpLimits limits = {}) {
    std::filesystem::create_directory(directory / "workloads");
    config.listen = *Endpoint::parse("unix:" + (directory / "agent.sock").string());
    config.output = *Endpoint::parse("unix:" + door() + "_1025");
    config.state_directory = directory / "state";
    config.workloads = directory / "workloads";
    config.limits = limits;
    config.ports = ports.options();
    agent = *Agent::start(context, config);
    relay.emplace(context, door(), (directory / "agent.sock").string());
    client.emplace(context.get_executor(), door());
  }

  ~AgentOnHost() override {
    agent->stop();
    relay->stop();
    output.reset();
    context.restart();
    context.run_for(20s);
    EXPECT_TRUE(context.stopped()) << "the agent left work behind after stop()";
  }

  std::string door() const { return (directory / "door").string(); }

  template <class T>
  Result<T> run(Async<T> operation) {
    return run_async(context, std::move(operation));
  }

  /// Runs a shell script in the guest; each time under a new id.
  Result<ExecResult> shell(const std::string& script, Duration timeout = 20s) {
    return run(client->exec(shell_request(script, timeout)));
  }
  ExecRequest shell_request(const std::string& script, Duration timeout = 20s) {
    ExecRequest request;
    request.id = "exec-" + std::to_string(++execs);
    request.command = {"sh", "-c", script};
    request.timeout = timeout;
    return request;
  }

  /// Listens for the agent's output and waits until it is connected.
  agent::Ready listen_for_output(std::uint64_t after_epoch = 0) {
    output = *agent::OutputListener::listen(context.get_executor(), door(),
                                            [this](const agent::OutputLine& line) { lines.push_back(line); });
    return run(output->wait_ready(after_epoch)).value();
  }

  /// Lets everything work until `done`; false when that takes absurdly long.
  bool works_until(const std::function<bool()>& done) { return run_until(context, done); }

  /// Makes a workload out of a shell script.
  void install_workload(const std::string& name, const std::string& script) {
    const auto path = directory / "workloads" / name;
    std::ofstream(path) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  PortsOnHost ports;
  TemporaryDirectory directory;
  asio::io_context context;
  AgentConfig config;
  std::unique_ptr<Agent> agent;
  std::optional<DoorRelay> relay;
  std::optional<Client> client;
  std::unique_ptr<agent::OutputListener> output;
  std::vector<agent::OutputLine> lines;
  int execs = 0;
};

}  // namespace snaphammer::guest
