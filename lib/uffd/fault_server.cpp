#include "lib/uffd/fault_server.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/base/failpoint.h"

namespace snaphammer::uffd {
namespace {

Failpoint before_read("uffd.before_read");  // A thread was woken and is about to read.
Failpoint after_read("uffd.after_read");    // Events were read and applied, faults are about to be served.
Failpoint before_copy("uffd.before_copy");  // The page was looked at and its bytes are in hand; no lock is held.
Failpoint after_copy("uffd.after_copy");

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// How long to wait before a deferred fault is examined again although no event came: the kernel goes on refusing
/// for a moment after the last event was read, and nothing tells when it has stopped.
constexpr Duration kFirstPause = microseconds(20);
constexpr Duration kLongestPause = milliseconds(1);
/// For how long one fault that was put off before may keep everyone else from reading: see install_between_events().
constexpr Duration kPursuit = milliseconds(1);
/// A fault outside the registered memory is examined so often before it is given up: long enough for the event that
/// explains it.
constexpr unsigned kMaxExaminations = 200;

/// Moves the calling thread to another CPU, if it may run on one. A thread that is woken by the read of its event and
/// shares the reader's CPU raises its next event before the reader runs again: there is no moment in between.
void change_cpu() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(static_cast<std::size_t>(::sched_getcpu()), &others);
  if (::sched_setaffinity(0, sizeof others, &others) == 0) ::sched_setaffinity(0, sizeof allowed, &allowed);
}

/// Waits for events on the userfaultfd (one thread is woken for each) and for the stop signal.
class EventWaiter {
 public:
  static Result<EventWaiter> open(int userfaultfd, int stop_fd) {
    EventWaiter waiter;
    waiter.epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!waiter.epoll_) return errno_error("epoll_create1");
    SNAP_TRY(waiter.watch(userfaultfd, EPOLLIN | EPOLLEXCLUSIVE));
    SNAP_TRY(waiter.watch(stop_fd, EPOLLIN));
    return waiter;
  }

  void wait(std::optional<Duration> limit) const {
    std::array<epoll_event, 2> events;
    timespec timeout{};
    if (limit) timeout.tv_nsec = limit->count();
    ::epoll_pwait2(epoll_.get(), events.data(), events.size(), limit ? &timeout : nullptr, nullptr);
  }

 private:
  Result<void> watch(int fd, std::uint32_t what) {
    epoll_event event{};
    event.events = what;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) return errno_error("epoll_ctl");
    return {};
  }

  UniqueFd epoll_;
};

}  // namespace

SourceReader FaultServer::make_reader() const {
  return SourceReader(parts_.source, parts_.policy.read_retries, parts_.counters, parts_.trace, parts_.stop);
}

Result<void> FaultServer::run() {
  Result<void> result = loop();
  if (!result) parts_.stop.set();
  return result;
}

Result<void> FaultServer::loop() {
  SNAP_ASSIGN(const EventWaiter waiter, EventWaiter::open(parts_.memory.fd(), parts_.stop.fd()));
  SourceReader reader = make_reader();
  Duration pause = kFirstPause;
  while (!parts_.stop.is_set() && !parts_.memory.ended()) {
    const bool deferred = queue_.has_deferred();
    waiter.wait(deferred ? std::optional(pause) : std::nullopt);
    pause = deferred ? std::min(2 * pause, kLongestPause) : kFirstPause;
    SNAP_TRY(before_read.hit());
    SNAP_TRY(read_all(reader, TimePoint::max()));
    queue_.retry_deferred();
    serve_queued(reader);
  }
  return {};
}

Result<void> FaultServer::read_all(SourceReader& reader, TimePoint deadline) {
  std::vector<MemoryEvent> events;
  for (bool more = true; more && !parts_.stop.is_set() && !parts_.memory.ended();) {
    events.clear();
    SNAP_ASSIGN(more, parts_.memory.read_events(events, deadline));
    const TimePoint now = SteadyClock::now();
    SNAP_TRY(after_read.hit());
    for (const MemoryEvent& event : events) {
      if (event.kind == MemoryEvent::Kind::kFault) {
        note_fault(event, now);
      } else {
        // Only when events are taken in the order in which they were read: what came before is served before.
        serve_queued(reader);
        queue_.wait_until_served();
        if (!parts_.memory.apply(event)) return {};
      }
    }
  }
  return {};
}

void FaultServer::note_fault(const MemoryEvent& event, TimePoint now) {
  parts_.counters.faults.add();
  queue_.add(event.address / kPageSize * kPageSize, now);
}

void FaultServer::serve_queued(SourceReader& reader) {
  if (!queue_.begin_serving()) return;
  while (const std::optional<Fault> fault = queue_.next()) serve(*fault, reader);
}

void FaultServer::serve(const Fault& fault, SourceReader& reader) {
  while (!parts_.stop.is_set()) {
    const std::optional<PageView> page = parts_.memory.page_at(fault.address);
    if (!page) return put_off(fault);
    if (fault.examinations == 0) parts_.trace.add(TraceKind::kFault, page->place.extent(), fault.since);
    const Result<Resolution> resolution = resolve(fault, *page, reader);
    if (!resolution) return give_up(fault, resolution.error());
    switch (resolution->outcome) {
      case Outcome::kInstalled:
        return settle(fault, *page, resolution->zeros ? TraceKind::kZero : TraceKind::kCopy);
      case Outcome::kAlreadyThere:
        return settle(fault, *page, TraceKind::kExists);
      case Outcome::kChanged:
        continue;
      case Outcome::kPending:
        parts_.counters.deferred.add();
        parts_.trace.add(TraceKind::kDefer, page->place.extent(), SteadyClock::now());
        return queue_.defer(fault.address);
      case Outcome::kUnmapped:
        return put_off(fault);
      case Outcome::kAbandoned:
        parts_.counters.dropped.add();
        parts_.trace.add(TraceKind::kDrop, page->place.extent(), SteadyClock::now());
        return queue_.failed(fault.address, Error(ErrorKind::kUnavailable, "the copy got EAGAIN and was dropped"));
      case Outcome::kVmGone:
        queue_.resolved(fault.address);
        return note_vm_gone();
    }
  }
  queue_.failed(fault.address, Error(ErrorKind::kCancelled, "the page server was stopped"));
}

Result<FaultServer::Resolution> FaultServer::resolve(const Fault& fault, const PageView& page, SourceReader& reader) {
  std::span<const std::byte> bytes;  // None: zeros.
  const Place& place = page.place;
  if (page.state == PageState::kMissing && reader.has_data(place.offset, place.length)) {
    SNAP_ASSIGN(bytes, reader.read(place.offset, place.length));
  }
  SNAP_TRY(before_copy.hit());
  SNAP_ASSIGN(const Outcome outcome, install(fault, page, bytes));
  if (outcome == Outcome::kInstalled) {
    const ByteCount pages = place.length / kPageSize;
    if (bytes.empty()) {
      parts_.counters.zero_pages.add(pages);
    } else {
      parts_.counters.copied_pages.add(pages);
      parts_.working_set.touched(place.offset, place.length);
      (parts_.working_set.is_foreseen(place.offset) ? parts_.counters.working_set_late
                                                    : parts_.counters.working_set_misses)
          .add(pages);
    }
  }
  return Resolution{outcome, bytes.empty()};
}

/// A fault that was put off has missed its moment once, and in a storm of events would miss it every time.
Result<Outcome> FaultServer::install(const Fault& fault, const PageView& page, std::span<const std::byte> bytes) {
  if (fault.examinations == 0) return parts_.memory.install(page, bytes);
  std::vector<MemoryEvent> faults;
  const Result<Outcome> outcome =
      parts_.memory.install_between_events(page, bytes, faults, SteadyClock::now() + kPursuit);
  for (const MemoryEvent& event : faults) note_fault(event, SteadyClock::now());
  if (outcome && *outcome == Outcome::kPending) change_cpu();
  return outcome;
}

void FaultServer::settle(const Fault& fault, const PageView& page, TraceKind kind) {
  const TimePoint now = SteadyClock::now();
  parts_.trace.add(kind, page.place.extent(), fault.since, now - fault.since);
  parts_.counters.fault_latency.record(now - fault.since);
  if (kind == TraceKind::kExists) parts_.counters.already_present.add();
  queue_.resolved(fault.address);
  if (const Result<void> hit = after_copy.hit(); !hit) parts_.on_page_failed(hit.error());
}

/// For a fault where no registered memory is: an event that explains it may be on its way.
void FaultServer::put_off(const Fault& fault) {
  if (fault.examinations >= kMaxExaminations) {
    return give_up(fault, Error(ErrorKind::kInvalid,
                                fmt::format("fault at {:#x}: not in memory that was handed off", fault.address)));
  }
  parts_.trace.add(TraceKind::kDefer, {fault.address, kPageSize}, SteadyClock::now());
  queue_.defer(fault.address);
}

void FaultServer::give_up(const Fault& fault, Error error) {
  parts_.trace.add(TraceKind::kGiveUp, {fault.address, kPageSize}, SteadyClock::now());
  if (!parts_.stop.is_set()) parts_.on_page_failed(error);
  queue_.failed(fault.address, std::move(error));
}

void FaultServer::note_vm_gone() {
  vm_gone_.store(true, std::memory_order_release);
  parts_.stop.set();
}

Result<void> FaultServer::drain(Duration limit) {
  const TimePoint deadline = SteadyClock::now() + limit;
  SourceReader reader = make_reader();
  for (;;) {
    if (parts_.stop.is_set() || parts_.memory.ended()) {
      return Error(ErrorKind::kUnavailable, "drain the page server: it has ended");
    }
    SNAP_TRY(read_all(reader, deadline));
    queue_.retry_deferred();
    serve_queued(reader);
    const TimePoint now = SteadyClock::now();
    if (queue_.wait_until_quiet(std::min(deadline, now + kLongestPause))) return {};
    if (now >= deadline) {
      return Error(ErrorKind::kTimeout, "drain the page server: faults are unresolved after " + format_duration(limit));
    }
  }
}

}  // namespace snaphammer::uffd
