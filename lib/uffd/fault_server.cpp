#include "lib/uffd/fault_server.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <sched.h>

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

}  // namespace

FaultServer::Hand FaultServer::new_hand() const {
  return {.reader = SourceReader(parts_.source, parts_.policy.read_retries, parts_.counters, parts_.trace, parts_.stop),
          .pause = kFirstPause};
}

Result<void> FaultServer::run() {
  Result<void> result = loop();
  if (!result) parts_.stop.set();
  return result;
}

Result<void> FaultServer::loop() {
  Hand hand = new_hand();
  while (!is_over()) {
    std::unique_lock reading(reading_);
    hand.events_went_on = false;  // Others have read since.
    std::optional<Fault> fault = queue_.begin_serving();
    while (!fault && !is_over()) {
      SNAP_TRY(take_turn(hand));
      fault = queue_.begin_serving();
    }
    reading.unlock();
    while (fault) {
      serve_what_was_set_aside(*fault, hand);
      // What a worker defers, who reads does not hear of.
      while (queue_.has_deferred() && !is_over()) SNAP_TRY(take_turn(hand));
      fault = queue_.begin_serving();
    }
  }
  return {};
}

Result<void> FaultServer::take_turn(Hand& hand) {
  const bool deferred = queue_.has_deferred();
  if (!hand.events_went_on) waiter_.wait(deferred ? std::optional(hand.pause) : std::nullopt);
  hand.pause = deferred ? std::min(2 * hand.pause, kLongestPause) : kFirstPause;
  parts_.stop.wait_while_suspended();
  SNAP_TRY(before_read.hit());
  SNAP_ASSIGN(hand.events_went_on, read_all(hand, TimePoint::max()));
  queue_.retry_deferred();
  serve_what_is_at_hand(hand);
  return {};
}

Result<bool> FaultServer::read_all(Hand& hand, TimePoint deadline) {
  std::vector<MemoryEvent>& events = hand.events;
  bool any = false;
  for (bool more = true; more && !is_over();) {
    events.clear();
    SNAP_ASSIGN(more, parts_.memory.read_events(events, deadline));
    any = any || !events.empty();
    const TimePoint now = SteadyClock::now();
    SNAP_TRY(after_read.hit());
    for (const MemoryEvent& event : events) {
      if (event.kind == MemoryEvent::Kind::kFault) {
        note_fault(event, now);
      } else {
        // Only when events are taken in the order in which they were read: what came before is served before.
        serve_what_is_at_hand(hand);
        if (const std::optional<Fault> fault = queue_.begin_serving()) serve_what_was_set_aside(*fault, hand);
        queue_.wait_until_served();
        if (!parts_.memory.apply(event)) return any;
      }
    }
  }
  return any;
}

void FaultServer::note_fault(const MemoryEvent& event, TimePoint now) {
  parts_.counters.faults.add();
  queue_.add(event.address / kPageSize * kPageSize, now);
}

void FaultServer::serve_what_is_at_hand(Hand& hand) {
  while (const std::optional<Fault> fault = queue_.next()) {
    const std::optional<PageView> page = parts_.memory.page_at(fault->address);
    if (!page || is_at_hand(*page, hand.reader, fault->since)) {
      serve(*fault, page, hand.reader);
    } else {
      queue_.set_aside(fault->address);
    }
  }
}

void FaultServer::serve_what_was_set_aside(const Fault& first, Hand& hand) {
  for (std::optional<Fault> fault = first; fault; fault = queue_.next_set_aside()) {
    serve(*fault, parts_.memory.page_at(fault->address), hand.reader);
    serve_what_is_at_hand(hand);  // Faults that install() read on its way: nobody else hears of them.
  }
}

bool FaultServer::is_at_hand(const PageView& page, SourceReader& reader, TimePoint now) const {
  const Place& place = page.place;
  return page.state != PageState::kMissing || !reader.has_data(place.offset, place.length) ||
         reader.at_hand(place.offset, place.length, now);
}

void FaultServer::serve(const Fault& fault, std::optional<PageView> page, SourceReader& reader) {
  parts_.stop.wait_while_suspended();
  for (; !parts_.stop.is_set(); page = parts_.memory.page_at(fault.address)) {
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
  Hand hand = new_hand();
  for (;;) {
    if (!parts_.stop.wait_while_suspended(deadline)) {
      return Error(ErrorKind::kTimeout, "drain the page server: it stands still");
    }
    const Result<bool> read = read_all(hand, deadline);
    SNAP_TRY(read);
    queue_.retry_deferred();
    serve_what_is_at_hand(hand);
    if (const std::optional<Fault> fault = queue_.begin_serving()) serve_what_was_set_aside(*fault, hand);
    const TimePoint now = SteadyClock::now();
    const bool quiet = queue_.wait_until_quiet(std::min(deadline, now + kLongestPause));
    // Looked at last: another thread may have read the event that ends it a moment before this one read nothing.
    if (is_over()) return Error(ErrorKind::kUnavailable, "drain the page server: it has ended");
    if (quiet) return {};
    if (now >= deadline) {
      return Error(ErrorKind::kTimeout, "drain the page server: faults are unresolved after " + format_duration(limit));
    }
  }
}

}  // namespace snaphammer::uffd
