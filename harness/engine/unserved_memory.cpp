#include "harness/engine/unserved_memory.h"

#include <algorithm>

#include <fmt/format.h>

#include "harness/oracles/faulting_threads.h"

namespace snaphammer::engine {
namespace {

using oracles::FaultingThreads;

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

class Look {
 public:
  enum class For { kAnyWait, kStoppedHandler };

  explicit Look(sandbox::Sandbox& sandbox) : sandbox_(sandbox), guest_(sandbox.incarnation()) {}

  Async<std::vector<report::Finding>> take(For what) {
    // What waits for one that has died is the finding handler-died.
    const std::optional<sandbox::Failure>& failure = sandbox_.failure();
    const bool is_dead = failure && failure->kind == sandbox::Failure::Kind::kHandler;
    if (is_dead || guest_ == nullptr || guest_->handler() == nullptr || !guest_->has_vm()) co_return std::move(found_);
    if (uffd::PageServer* const server = guest_->page_server()) {
      if (what == For::kAnyWait) find_read_faults(*server);
      CO_SNAP_TRY(co_await find_unread_faults(*server));
    } else {
      CO_SNAP_TRY(co_await find_stuck_threads(oracles::faulting_threads, "at one page fault"));
    }
    CO_SNAP_TRY(co_await find_stuck_threads(
        oracles::discarding_threads, "for the page-fault handler to take note of memory that it discards (REMOVE)"));
    co_return std::move(found_);
  }

 private:
  // A step beside this look may end it.
  bool is_there() const { return sandbox_.incarnation() == guest_; }

  void find(std::string message, nlohmann::json evidence) {
    found_.push_back(
        {.id = "hang", .oracle = kUnresolvedFaults, .message = std::move(message), .evidence = std::move(evidence)});
  }

  void find_read_faults(const uffd::PageServer& server) {
    for (const uffd::UnresolvedFault& fault : server.unresolved_faults(kBound)) {
      find(fmt::format("a page fault at {:#x} of the VMM has been waiting for {:.0f} ms", fault.address,
                       to_ms(fault.age)),
           {{"address", fault.address},
            {"age_ms", to_ms(fault.age)},
            {"error", fault.error ? fault.error->describe() : std::string()},
            {"last_events", last_events(server)}});
    }
  }

  // A server that reads on takes a fault off the kernel's queue at once: only one that does not leaves some there at
  // every look.
  Async<void> find_unread_faults(const uffd::PageServer& server) {
    for (const TimePoint until = SteadyClock::now() + kBound; is_there();) {
      CO_SNAP_ASSIGN(const uffd::WaitingFaults waiting, server.waiting_faults());
      if (waiting.unread == 0) co_return Result<void>();
      if (SteadyClock::now() >= until) {
        find(fmt::format("the page server does not read: {} page faults of the VMM wait for it in the kernel, for "
                         "{:.0f} ms and more",
                         waiting.unread, to_ms(kBound)),
             {{"unread", waiting.unread}, {"waiting", waiting.all}, {"last_events", last_events(server)}});
        co_return Result<void>();
      }
      CO_SNAP_TRY(co_await wait_for(kBetweenLooks));
    }
    co_return Result<void>();
  }

  // What a program has read of the kernel's queue nobody else can see, and events are not counted there; but a thread of
  // the VMM that has been in one wait all the time can be seen.
  Async<void> find_stuck_threads(FaultingThreads (*waiting_threads)(pid_t), const char* what_for) {
    if (!is_there()) co_return Result<void>();
    const pid_t vmm = guest_->vm().pid();
    FaultingThreads stuck = waiting_threads(vmm);
    for (const TimePoint until = SteadyClock::now() + kBound; !stuck.empty() && SteadyClock::now() < until;) {
      CO_SNAP_TRY(co_await wait_for(kBetweenLooks));
      stuck = still_waiting(stuck, waiting_threads(vmm));
    }
    if (stuck.empty() || !is_there()) co_return Result<void>();
    CO_SNAP_ASSIGN(const uffd::WaitingFaults waiting, guest_->handler()->waiting_faults());
    nlohmann::json threads = nlohmann::json::array();
    for (const auto& [id, thread] : stuck) threads.push_back({{"thread", id}, {"name", thread.name}});
    find(fmt::format("{} of the VMM has been waiting {} for {:.0f} ms and more", stuck.begin()->second.name, what_for,
                     to_ms(kBound)),
         {{"threads", threads}, {"unread", waiting.unread}, {"waiting", waiting.all}});
    co_return Result<void>();
  }

  sandbox::Sandbox& sandbox_;
  sandbox::Incarnation* const guest_;
  std::vector<report::Finding> found_;
};

}  // namespace

Async<std::vector<report::Finding>> look_for_unserved_memory(sandbox::Sandbox& sandbox) {
  Look look(sandbox);
  co_return co_await look.take(Look::For::kAnyWait);
}

Async<std::vector<report::Finding>> look_for_stopped_handler(sandbox::Sandbox& sandbox) {
  Look look(sandbox);
  co_return co_await look.take(Look::For::kStoppedHandler);
}

}  // namespace snaphammer::engine
