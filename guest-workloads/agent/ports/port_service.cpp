#include "guest-workloads/agent/ports/port_service.h"

#include <cstdlib>
#include <sstream>
#include <utility>

#include <unistd.h>

namespace snaphammer::guest {
namespace {

bool is_in_path(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "");
  for (std::string directory; std::getline(directories, directory, ':');) {
    if (::access((directory + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace

PortService::PortService(const asio::any_io_executor& executor, Reaper& reaper, PortsOptions options)
    : executor_(executor), reaper_(reaper), options_(std::move(options)), turns_(executor) {}

void PortService::add_routes(Router& router) {
  router.add("GET", "/ports", [this](Exchange& exchange) { return answer_report(exchange); });
  router.add("POST", "/ports/start", [this](Exchange& exchange) { return answer(exchange, start()); });
  router.add("POST", "/ports/stop", [this](Exchange& exchange) { return answer(exchange, stop()); });
  router.add("POST", "/ports/restart", [this](Exchange& exchange) { return answer(exchange, restart()); });
}

Awaitable<void> PortService::answer(Exchange& exchange, Awaitable<void> operation) {
  co_await std::move(operation);
  const nlohmann::json nothing = nlohmann::json::object();
  co_await exchange.respond(200, nothing);
}

Awaitable<void> PortService::answer_report(Exchange& exchange) {
  const nlohmann::json body = report().to_json();
  co_await exchange.respond(200, body);
}

void PortService::set_care(agent::Forwarders care) {
  care_ = care;
  if (cycle_ != nullptr) cycle_->set_care(care);
}

void PortService::begin_cycle() {
  if (!closed_ && is_in_path(options_.program)) cycle_ = Forwarding::begin(executor_, reaper_, options_, care_);
}

Awaitable<void> PortService::end_cycle() {
  const std::shared_ptr<Forwarding> cycle = std::exchange(cycle_, nullptr);
  if (cycle != nullptr) co_await cycle->end();
}

Awaitable<void> PortService::start() {
  const Turns::Turn mine = co_await turns_.take();
  if (cycle_ != nullptr) {
    cycle_->scan();
  } else {
    begin_cycle();
  }
}

Awaitable<void> PortService::stop() {
  const Turns::Turn mine = co_await turns_.take();
  co_await end_cycle();
}

Awaitable<void> PortService::restart() {
  const Turns::Turn mine = co_await turns_.take();
  co_await end_cycle();
  begin_cycle();
}

agent::PortsReport PortService::report() const {
  agent::PortsReport report;
  report.running = cycle_ != nullptr;
  if (cycle_ != nullptr) report.ports = cycle_->ports();
  return report;
}

void PortService::close() {
  closed_ = true;
  if (cycle_ != nullptr) cycle_->cancel();
}

}  // namespace snaphammer::guest
