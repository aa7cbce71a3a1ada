// The agent's HTTP/1.1 server: accepts, reads requests within the limits, hands them to the router.
//
//   SNAP_ASSIGN(Acceptor acceptor, listen(executor, endpoint));
//   HttpServer server(std::move(acceptor), router, limits);
//   server.start();
//   ...
//   server.register_listener_again();    // after a transport reset
//
// Connections are served in parallel and each has at most one request at work. One io_context thread. After stop()
// the io_context runs out of the server's work; the server and the router must stay until then.
#pragma once

#include <list>
#include <memory>
#include <optional>

#include "guest-workloads/agent/endpoint.h"
#include "guest-workloads/agent/http_limits.h"
#include "guest-workloads/agent/router.h"
#include "lib/agent/agent_policy.h"

namespace snaphammer::guest {

class HttpServer {
 public:
  HttpServer(Acceptor acceptor, const Router& router, HttpLimits limits);

  void start();
  void stop();

  /// How clients are treated from now on. What a connection already waits for keeps its time limit.
  void set_policy(const agent::AgentPolicy& policy);

  /// See register_again(). The accept loop goes on with the new registration. When the listening socket itself
  /// turns out unusable this is false, and the agent cannot serve any more.
  bool register_listener_again();
  /// The defect of a runtime that did so twice: a second registration of the same listening socket which nobody reads
  /// any more. It takes the next connection and never serves it.
  bool register_listener_twice();

  /// Closes the connections that waited for a request at that time already.
  void close_idle(TimePoint when);

  std::size_t connections() const { return connections_.size(); }

 private:
  struct Connection {
    HttpStream stream;
    bool waits = true;  ///< For a request; when room is needed it may be closed.
    SteadyClock::time_point waits_since = SteadyClock::now();
  };
  using Position = std::list<Connection>::iterator;

  Awaitable<void> accept();
  Awaitable<void> accept_for_nobody();
  std::optional<Position> admit(Socket socket);
  bool make_room();
  Awaitable<void> serve(Position connection);
  Awaitable<void> serve_requests(Connection& connection);

  Acceptor acceptor_;
  const Router& router_;
  const HttpLimits given_limits_;
  HttpLimits limits_;  ///< In force.
  agent::AcceptLoop accept_loop_ = agent::AcceptLoop::kParallel;
  std::list<Connection> connections_;
  std::unique_ptr<Acceptor> stale_;  ///< Of register_listener_twice().
  std::list<Socket> unserved_;
  bool stopped_ = false;
};

}  // namespace snaphammer::guest
