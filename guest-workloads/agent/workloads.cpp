#include "guest-workloads/agent/workloads.h"

#include <vector>

#include <unistd.h>

#include "guest-workloads/agent/read_request.h"
#include "lib/agent/json_fields.h"

namespace snaphammer::guest {

using agent::StartWorkload;

namespace {

constexpr std::size_t kMost = 64;
constexpr Duration kStopAfterFailure = Duration::zero();

Result<Duration> read_timeout(const Exchange& exchange) {
  SNAP_ASSIGN(const nlohmann::json json, agent::parse_json(exchange.request().body()));
  agent::JsonFields fields(json, "request");
  const std::uint64_t timeout_ms = fields.count("timeout_ms");
  SNAP_TRY(fields.finish());
  return agent::timeout_from_ms(timeout_ms);
}

}  // namespace

WorkloadService::WorkloadService(asio::any_io_executor executor, Reaper& reaper, const IdentityService& identity,
                                 OutputStream& output, std::filesystem::path directory)
    : executor_(std::move(executor)),
      reaper_(reaper),
      identity_(identity),
      output_(output),
      directory_(std::move(directory)) {}

void WorkloadService::add_routes(Router& router) {
  router.add("GET", "/workloads", [this](Exchange& exchange) { return list(exchange); });
  router.add("POST", "/workloads/start", [this](Exchange& exchange) { return start(exchange); });
  router.add("POST", "/workloads/{as}/check", [this](Exchange& exchange) { return check(exchange); });
  router.add("POST", "/workloads/{as}/stop", [this](Exchange& exchange) { return stop(exchange); });
  router.add("POST", "/workloads/{as}/set-aside", [this](Exchange& exchange) { return set_aside(exchange); });
  router.add("POST", "/workloads/{as}/take-back", [this](Exchange& exchange) { return take_back(exchange); });
}

void WorkloadService::abandon() {
  for (const auto& [as, workload] : workloads_) workload->abandon();
}

Async<void> WorkloadService::ask_all(std::string command, std::string answer, Duration timeout) {
  std::vector<std::shared_ptr<Workload>> running;  // Workloads may be started and stopped meanwhile.
  for (const auto& [as, workload] : workloads_) {
    if (workload->running()) running.push_back(workload);
  }
  for (const std::shared_ptr<Workload>& workload : running) {
    auto answered = co_await workload->ask(command, answer, timeout);
    // One that ended on the way has nothing left to be quiesced; a check tells how it ended.
    if (!answered && answered.error().kind() != ErrorKind::kGone) co_return answered.error();
  }
  co_return Result<void>();
}

Awaitable<void> WorkloadService::list(Exchange& exchange) {
  nlohmann::json body = {{"workloads", nlohmann::json::array()}};
  for (const auto& [as, workload] : workloads_) body["workloads"].push_back(workload->info().to_json());
  co_await exchange.respond(200, body);
}

Result<std::shared_ptr<Workload>> WorkloadService::launch(const StartWorkload& request) {
  if (const auto same = workloads_.find(request.as); same != workloads_.end() && same->second->running()) {
    return Error(ErrorKind::kUnavailable, "workload " + request.as + " runs already")
        .advise("stop it, or name another");
  }
  if (workloads_.size() >= kMost && !workloads_.contains(request.as)) {
    return Error(ErrorKind::kUnavailable, "there are " + std::to_string(kMost) + " workloads already");
  }
  const std::filesystem::path program = directory_ / request.workload;
  if (::access(program.c_str(), X_OK) != 0) {
    return Error(ErrorKind::kInvalid, "this image has no workload '" + request.workload + "'")
        .advise("see " + directory_.string() + " in the guest");
  }
  Command command{{program.string()}, identity_.environment()};
  for (const auto& [key, value] : request.args) {
    command.command.push_back("--" + key);
    command.command.push_back(value);
  }
  SNAP_ASSIGN(Process process, spawn(command));
  auto workload = Workload::start(executor_, reaper_, output_, request, std::move(process));
  workloads_[request.as] = workload;
  return workload;
}

Awaitable<void> WorkloadService::start(Exchange& exchange) {
  const Result<StartWorkload> request = read_request<StartWorkload>(exchange);
  const Result<std::shared_ptr<Workload>> workload =
      request.and_then([this](const StartWorkload& valid) { return launch(valid); });
  if (!workload) {
    co_await exchange.fail(workload.error());
    co_return;
  }
  const std::shared_ptr<Workload> started = *workload;
  const Result<void> ready = co_await started->wait_ready(request->timeout);
  if (ready) {
    const nlohmann::json body = started->info().to_json();
    co_await exchange.respond(200, body);
    co_return;
  }
  co_await started->stop(kStopAfterFailure);
  if (const auto entry = workloads_.find(request->as); entry != workloads_.end() && entry->second == started) {
    workloads_.erase(entry);
  }
  co_await exchange.fail(ready.error());
}

Result<std::shared_ptr<Workload>> WorkloadService::find(const std::string& as) const {
  const auto found = workloads_.find(as);
  if (found == workloads_.end()) return Error(ErrorKind::kInvalid, "there is no workload '" + as + "'");
  return found->second;
}

Awaitable<void> WorkloadService::check(Exchange& exchange) {
  const Result<std::shared_ptr<Workload>> found = find(exchange.parameter());
  if (!found) {
    co_await exchange.fail(404, found.error());
    co_return;
  }
  const Result<Duration> timeout = read_timeout(exchange);
  if (!timeout) {
    co_await exchange.fail(timeout.error());
    co_return;
  }
  const std::shared_ptr<Workload> workload = *found;
  if (workload->checking()) {
    const Error busy(ErrorKind::kUnavailable, "workload " + exchange.parameter() + " is being checked already");
    co_await exchange.fail(busy);
    co_return;
  }
  co_await workload->check(exchange, *timeout);
}

Awaitable<void> WorkloadService::answer(Exchange& exchange, const Ask& ask) {
  const Result<std::shared_ptr<Workload>> found = find(exchange.parameter());
  if (!found) {
    co_await exchange.fail(404, found.error());
    co_return;
  }
  const Result<nlohmann::json> answer = co_await ask(*found);
  if (!answer) {
    co_await exchange.fail(answer.error());
    co_return;
  }
  co_await exchange.respond(200, *answer);
}

Awaitable<void> WorkloadService::stop(Exchange& exchange) {
  const Ask ask = [&exchange](std::shared_ptr<Workload> workload) -> Async<nlohmann::json> {
    CO_SNAP_ASSIGN(const Duration timeout, read_timeout(exchange));
    const agent::WorkloadInfo last = co_await workload->stop(timeout);
    co_return last.to_json();
  };
  co_await answer(exchange, ask);
}

Awaitable<void> WorkloadService::set_aside(Exchange& exchange) {
  const Ask ask = [&exchange](std::shared_ptr<Workload> workload) -> Async<nlohmann::json> {
    CO_SNAP_ASSIGN(const agent::SetAside request, read_request<agent::SetAside>(exchange));
    const std::string command = "set-aside " + std::to_string(request.pages);
    CO_SNAP_ASSIGN(const nlohmann::json said, co_await workload->ask(command, "set-aside", request.timeout));
    CO_SNAP_ASSIGN(const agent::PagesSetAside pages, agent::PagesSetAside::from_json(said));
    co_return pages.to_json();
  };
  co_await answer(exchange, ask);
}

Awaitable<void> WorkloadService::take_back(Exchange& exchange) {
  const Ask ask = [&exchange](std::shared_ptr<Workload> workload) -> Async<nlohmann::json> {
    CO_SNAP_ASSIGN(const agent::TakeBack request, read_request<agent::TakeBack>(exchange));
    const std::string command = "take-back " + std::string(agent::name_of(request.expected));
    CO_SNAP_TRY(co_await workload->ask(command, "taken-back", request.timeout));
    co_return nlohmann::json::object();
  };
  co_await answer(exchange, ask);
}

}  // namespace snaphammer::guest
