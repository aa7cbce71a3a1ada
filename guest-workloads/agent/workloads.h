// The workloads of this guest by name, and the requests about them: /workloads, /workloads/start,
// /workloads/{as}/check, stop, set-aside and take-back.
//
// One that has ended stays in the list, so that a check still delivers its findings and how it ended; a start under
// the same name replaces it.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "guest-workloads/agent/identity.h"
#include "guest-workloads/agent/output_stream.h"
#include "guest-workloads/agent/reaper.h"
#include "guest-workloads/agent/router.h"
#include "guest-workloads/agent/workload.h"

namespace snaphammer::guest {

class WorkloadService {
 public:
  /// Programs are the files of `directory`.
  WorkloadService(asio::any_io_executor executor, Reaper& reaper, const IdentityService& identity, OutputStream& output,
                  std::filesystem::path directory);

  void add_routes(Router& router);
  /// Asks every workload that runs, one after the other. The first that fails ends it.
  Async<void> ask_all(std::string command, std::string answer, Duration timeout);
  /// See Workload::abandon().
  void abandon();

 private:
  /// What a request asks of one workload, and the body of its answer.
  using Ask = std::function<Async<nlohmann::json>(std::shared_ptr<Workload>)>;

  Awaitable<void> list(Exchange& exchange);
  Awaitable<void> start(Exchange& exchange);
  Awaitable<void> check(Exchange& exchange);
  Awaitable<void> stop(Exchange& exchange);
  Awaitable<void> set_aside(Exchange& exchange);
  Awaitable<void> take_back(Exchange& exchange);

  /// Asks the workload that the request's path names.
  Awaitable<void> answer(Exchange& exchange, const Ask& ask);
  Result<std::shared_ptr<Workload>> launch(const agent::StartWorkload& request);
  Result<std::shared_ptr<Workload>> find(const std::string& as) const;

  asio::any_io_executor executor_;
  Reaper& reaper_;
  const IdentityService& identity_;
  OutputStream& output_;
  std::filesystem::path directory_;
  std::map<std::string, std::shared_ptr<Workload>> workloads_;
};

}  // namespace snaphammer::guest
