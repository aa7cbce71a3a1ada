// POST /exec: runs one command and streams what it writes (agent::ExecFrame, JSON lines).
//
// The request is acknowledged before the process is started, and its id is taken with that: whoever saw no
// `started` may ask again with the same id without fear that it runs twice. A second request with an id seen
// before gets a conflict while the first one runs, and its recorded end afterwards.
//
// The process group is killed at the timeout and when the client goes away. An exec ends when its process has
// ended and what it wrote is delivered; processes that it left behind live on, with their output closed.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "guest-workloads/agent/identity.h"
#include "guest-workloads/agent/process_starter.h"
#include "guest-workloads/agent/reaper.h"
#include "guest-workloads/agent/router.h"
#include "lib/agent/exec_protocol.h"
#include "lib/agent/protocol.h"

namespace snaphammer::guest {

class ExecService {
 public:
  ExecService(asio::any_io_executor executor, Reaper& reaper, const IdentityService& identity);

  void add_routes(Router& router);

 private:
  Awaitable<void> answer(Exchange& exchange);
  Awaitable<void> run(Exchange& exchange, agent::ExecRequest request);
  void remember(const std::string& id);

  asio::any_io_executor executor_;
  ProcessStarter starter_;
  const IdentityService& identity_;
  /// Every id seen, with the last frame once there is one; the oldest are forgotten beyond kRemembered.
  std::unordered_map<std::string, std::shared_ptr<agent::ExecFrame>> seen_;
  std::deque<std::string> order_;
};

}  // namespace snaphammer::guest
