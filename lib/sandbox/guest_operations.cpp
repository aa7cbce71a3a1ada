// What a Sandbox asks of the agent in its guest.
#include "lib/sandbox/sandbox.h"

namespace snaphammer::sandbox {
namespace {

template <class T>
Async<T> unless_interrupted(Event& interrupted, Async<T> operation) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the documented way to get operator||
  auto outcome = co_await (without_exceptions("guest operation", std::move(operation)) || interrupted.wait());
  if (outcome.index() == 0) {
    Result<T> answer = std::get<0>(std::move(outcome));
    if (answer || !interrupted.is_set()) co_return answer;
  }
  if (!interrupted.is_set()) co_return Error(ErrorKind::kCancelled, "cancelled");
  co_return Error(ErrorKind::kRefused, "interrupted by the pause, for which it took too long")
      .advise("ask again when the guest serves again; what the guest had done of it by then is not undone");
}

}  // namespace

template <class T, class Call>
Async<T> Sandbox::on_guest(std::string operation, Call call) {
  // A guest that is being restored will answer in a moment; one that is being paused must not be disturbed.
  CO_SNAP_TRY(admit(operation, {State::kStarting, State::kRunning, State::kPausing}));
  if (bring_up_ == nullptr) co_return Error(ErrorKind::kRefused, operation + ": refused, the guest is being restored");
  auto healthy = co_await bring_up_->wait();
  if (!healthy) co_return std::move(healthy).error().in(operation);
  CO_SNAP_TRY(admit(operation, {State::kRunning, State::kPausing}));
  Event interrupted(executor_);
  auto entry = in_flight_.enter([&interrupted] { interrupted.set(); });
  if (!entry) co_return std::move(entry).error().in(operation + ": refused");
  Async<T> calling = incarnation_->unless_failed(call(incarnation_->client()));
  auto answer = co_await unless_interrupted(interrupted, std::move(calling));
  if (!answer) co_return std::move(answer).error().in(operation);
  co_return answer;
}

Async<agent::ExecResult> Sandbox::exec(agent::ExecRequest request) {
  if (request.id.empty()) request.id = exec_prefix_ + std::to_string(++execs_);
  return on_guest<agent::ExecResult>(
      "exec", [request = std::move(request)](agent::Client& client) { return client.exec(request); });
}

Async<agent::HealthReport> Sandbox::health() {
  return on_guest<agent::HealthReport>("health", [](agent::Client& client) { return client.health(); });
}

Result<proxy::ListenAddress> Sandbox::proxied(std::uint32_t guest_port) {
  if (const auto known = proxied_.find(guest_port); known != proxied_.end()) return known->second;
  SNAP_ASSIGN(proxy::ListenAddress address, proxy_.listen(proxy::TcpListener{}, guest_port));
  return proxied_[guest_port] = std::move(address);
}

Async<agent::Metrics> Sandbox::metrics() {
  return on_guest<agent::Metrics>("metrics", [](agent::Client& client) { return client.metrics(); });
}

Async<agent::PortsReport> Sandbox::ports() {
  return on_guest<agent::PortsReport>("ports", [](agent::Client& client) { return client.ports(); });
}

Async<void> Sandbox::quiesce() {
  const agent::PrepareRequest request = config_.quiesce.value_or(agent::PrepareRequest{});
  return on_guest<void>("quiesce", [request](agent::Client& client) { return client.prepare(request); });
}

Async<void> Sandbox::unquiesce() {
  return on_guest<void>("unquiesce", [](agent::Client& client) { return client.undo_prepare(); });
}

Async<agent::WorkloadInfo> Sandbox::start_workload(agent::StartWorkload request) {
  return on_guest<agent::WorkloadInfo>("start " + request.as,
                                       [request](agent::Client& client) { return client.start_workload(request); });
}

Async<agent::CheckReport> Sandbox::check_workload(std::string as, Duration timeout,
                                                  agent::Client::OnFinding on_finding) {
  return on_guest<agent::CheckReport>("check " + as, [as, timeout, on_finding](agent::Client& client) {
    return client.check_workload(as, timeout, on_finding);
  });
}

Async<std::vector<agent::WorkloadInfo>> Sandbox::workloads() {
  return on_guest<std::vector<agent::WorkloadInfo>>("workloads",
                                                    [](agent::Client& client) { return client.workloads(); });
}

Async<agent::WorkloadInfo> Sandbox::stop_workload(std::string as, Duration timeout) {
  return on_guest<agent::WorkloadInfo>(
      "stop " + as, [as, timeout](agent::Client& client) { return client.stop_workload(as, timeout); });
}

}  // namespace snaphammer::sandbox
