#include "guest-workloads/agent/exec.h"

#include "guest-workloads/agent/exec_run.h"
#include "guest-workloads/agent/read_request.h"
#include "lib/agent/exec_protocol.h"
#include "lib/agent/json_fields.h"

namespace snaphammer::guest {

using agent::ExecEvent;
using agent::ExecFrame;
using agent::ExecRequest;

namespace {

constexpr std::size_t kRemembered = 16384;

std::string line_of(const ExecFrame& frame) { return agent::print_json(frame.to_json()) + "\n"; }

}  // namespace

ExecService::ExecService(asio::any_io_executor executor, Reaper& reaper, const IdentityService& identity)
    : executor_(std::move(executor)), starter_(reaper), identity_(identity) {}

void ExecService::add_routes(Router& router) {
  router.add("POST", "/exec", [this](Exchange& exchange) { return answer(exchange); });
}

Awaitable<void> ExecService::answer(Exchange& exchange) {
  Result<ExecRequest> request = read_request<ExecRequest>(exchange);
  if (!request) {
    co_await exchange.fail(request.error());
    co_return;
  }
  const auto seen = seen_.find(request->id);
  if (seen == seen_.end()) {
    ExecRequest fresh = *std::move(request);
    co_await run(exchange, std::move(fresh));
  } else if (seen->second == nullptr) {
    const Error conflict = Error(ErrorKind::kUnavailable, "exec " + request->id + " runs already")
                               .advise("ask again after its end to learn how it ended");
    co_await exchange.fail(conflict);
  } else {
    ExecFrame recorded = *seen->second;
    recorded.recorded = true;
    std::string line = line_of(recorded);
    const bool begun = co_await exchange.begin_stream(std::move(line));
    if (begun) co_await exchange.end_stream();
  }
}

Awaitable<void> ExecService::run(Exchange& exchange, ExecRequest request) {
  const std::string id = request.id;
  remember(id);
  ExecFrame last;
  last.event = ExecEvent::kExit;
  std::string started = line_of(ExecFrame{});
  const bool acknowledged = co_await exchange.begin_stream(std::move(started));
  if (!acknowledged) {
    last.error = "not started: the client went away before that";
  } else {
    Command command{request.command, identity_.environment(), request.directory};
    for (const auto& [name, value] : request.environment) command.environment[name] = value;
    Result<StartedProcess> process = co_await starter_.start(std::move(command));
    if (process) {
      ExecRun running(executor_, *std::move(process), std::move(request));
      last = co_await running.stream_to(exchange);
    } else {
      last.error = process.error().message();
    }
  }
  if (const auto seen = seen_.find(id); seen != seen_.end()) {
    seen->second = std::make_shared<ExecFrame>(last);
  }
  std::string line = line_of(last);
  const bool written = co_await exchange.write(std::move(line));
  if (written) co_await exchange.end_stream();
}

void ExecService::remember(const std::string& id) {
  if (order_.size() == kRemembered) {
    seen_.erase(order_.front());
    order_.pop_front();
  }
  seen_.emplace(id, nullptr);
  order_.push_back(id);
}

}  // namespace snaphammer::guest
