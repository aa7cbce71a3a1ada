// unresolved-faults: no page fault of the guest may wait for ever.
#include <algorithm>

#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/oracles/faulting_threads.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

// A fault is served in microseconds, and in milliseconds while the host is busy.
constexpr Duration kBound = std::chrono::seconds(2);

constexpr Duration kBetweenLooks = std::chrono::milliseconds(20);
constexpr std::size_t kShownEvents = 8;

// What the page server did last: what made it stop.
nlohmann::json last_events(const uffd::PageServer& server) {
  const std::vector<uffd::TraceEvent> events = server.trace();
  nlohmann::json shown = nlohmann::json::array();
  for (std::size_t i = events.size() - std::min(events.size(), kShownEvents); i < events.size(); ++i) {
    shown.push_back({{"event", uffd::name_of(events[i].kind)},
                     {"offset", events[i].extent.offset},
                     {"length", events[i].extent.length}});
  }
  return shown;
}

class UnresolvedFaults final : public Oracle {
 public:
  Async<void> check(engine::RunContext& run) override {
    // What waits for one that has died is the finding handler-died.
    const std::optional<sandbox::Failure>& failure = run.sandbox().failure();
    if (failure && failure->kind == sandbox::Failure::Kind::kHandler) co_return Result<void>();
    sandbox::Incarnation* const incarnation = run.sandbox().incarnation();
    if (incarnation == nullptr || incarnation->handler() == nullptr || !incarnation->has_vm()) co_return Result<void>();
    if (uffd::PageServer* const server = incarnation->page_server()) {
      report_read_faults(run, *server);
      co_return co_await report_unread_faults(run, *incarnation, *server);
    }
    co_return co_await report_stuck_threads(run, *incarnation);
  }

 private:
  void report_read_faults(engine::RunContext& run, const uffd::PageServer& server) {
    for (const uffd::UnresolvedFault& fault : server.unresolved_faults(kBound)) {
      run.report({.id = "hang",
                  .oracle = "unresolved-faults",
                  .message = fmt::format("a page fault at {:#x} of the VMM has been waiting for {:.0f} ms",
                                         fault.address, to_ms(fault.age)),
                  .evidence = {{"address", fault.address},
                               {"age_ms", to_ms(fault.age)},
                               {"error", fault.error ? fault.error->describe() : std::string()},
                               {"last_events", last_events(server)}}});
    }
  }

  // A server that reads on takes a fault off the kernel's queue at once: only one that does not leaves some there at
  // every look.
  Async<void> report_unread_faults(engine::RunContext& run, const sandbox::Incarnation& guest,
                                   const uffd::PageServer& server) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const TimePoint until = SteadyClock::now() + kBound;
    while (run.sandbox().incarnation() == &guest) {  // A step beside this check may end it.
      CO_SNAP_ASSIGN(const uffd::WaitingFaults waiting, server.waiting_faults());
      if (waiting.unread == 0) co_return Result<void>();
      if (SteadyClock::now() >= until) {
        run.report(
            {.id = "hang",
             .oracle = "unresolved-faults",
             .message = fmt::format("the page server does not read: {} page faults of the VMM wait for it in the "
                                    "kernel, for {:.0f} ms and more",
                                    waiting.unread, to_ms(kBound)),
             .evidence = {{"unread", waiting.unread}, {"waiting", waiting.all}, {"last_events", last_events(server)}}});
        co_return Result<void>();
      }
      timer.expires_after(kBetweenLooks);
      auto [error] = co_await timer.async_wait(as_result);
      if (error) co_return asio_error("watch page faults", error);
    }
    co_return Result<void>();
  }
  // What a program has read of the kernel's queue nobody else can see; but a thread of the VMM that has been waiting at
  // one page fault all the time can be seen.
  Async<void> report_stuck_threads(engine::RunContext& run, sandbox::Incarnation& guest) {
    const pid_t vmm = guest.vm().pid();
    FaultingThreads stuck = faulting_threads(vmm);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (const TimePoint until = SteadyClock::now() + kBound; !stuck.empty() && SteadyClock::now() < until;) {
      timer.expires_after(kBetweenLooks);
      auto [error] = co_await timer.async_wait(as_result);
      if (error) co_return asio_error("watch page faults", error);
      stuck = still_waiting(stuck, faulting_threads(vmm));
    }
    if (stuck.empty() || run.sandbox().incarnation() != &guest) co_return Result<void>();
    CO_SNAP_ASSIGN(const uffd::WaitingFaults waiting, guest.handler()->waiting_faults());
    nlohmann::json threads = nlohmann::json::array();
    for (const auto& [id, thread] : stuck) threads.push_back({{"thread", id}, {"name", thread.name}});
    run.report({.id = "hang",
                .oracle = "unresolved-faults",
                .message = fmt::format("{} of the VMM has been waiting at one page fault for {:.0f} ms and more",
                                       stuck.begin()->second.name, to_ms(kBound)),
                .evidence = {{"threads", threads}, {"unread", waiting.unread}, {"waiting", waiting.all}}});
    co_return Result<void>();
  }
};

const OracleRegistration<UnresolvedFaults> kRegistration{
    {"unresolved-faults",
     "Looks for page faults that the page-fault handler has read and never resolved, or does not read.",
     {"hang"}}};

}  // namespace
}  // namespace snaphammer::oracles
