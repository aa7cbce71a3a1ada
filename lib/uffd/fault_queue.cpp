#include "lib/uffd/fault_queue.h"

#include <utility>

namespace snaphammer::uffd {

void FaultQueue::add(std::uint64_t address, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = entries_.try_emplace(address, Entry{.since = now});
  Entry& entry = found->second;
  switch (entry.status) {
    case Status::kQueued:
      if (!is_new) return;
      break;
    case Status::kDeferred:
      return;
    case Status::kServing:
      entry.again = true;
      return;
    case Status::kFailed:
      entry.status = Status::kQueued;
      entry.error.reset();
      break;
  }
  ++unsettled_;
  ready_.push_back(address);
}

std::optional<Fault> FaultQueue::next() {
  const std::lock_guard lock(mutex_);
  return take_locked(ready_);
}

void FaultQueue::set_aside(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_.at(address);
  entry.status = Status::kQueued;
  entry.again = false;
  set_aside_.push_back(address);
}

std::optional<Fault> FaultQueue::begin_serving() {
  const std::lock_guard lock(mutex_);
  if (serving_ >= workers_) return std::nullopt;
  std::optional<Fault> fault = take_locked(set_aside_);
  if (fault) ++serving_;
  return fault;
}

std::optional<Fault> FaultQueue::next_set_aside() {
  const std::lock_guard lock(mutex_);
  std::optional<Fault> fault = take_locked(set_aside_);
  if (!fault) --serving_;
  return fault;
}

void FaultQueue::resolved(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(address);
  if (found->second.again) {
    found->second.since = SteadyClock::now();
    serve_again_locked(address, found->second);
    return;
  }
  entries_.erase(found);
  leave_locked();
}

void FaultQueue::defer(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_.at(address);
  entry.status = Status::kDeferred;
  entry.again = false;
  ++entry.examinations;
  deferred_.push_back(address);
  if (unsettled_ == deferred_.size()) changed_.notify_all();
}

void FaultQueue::failed(std::uint64_t address, Error error) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_.at(address);
  if (entry.again) {
    serve_again_locked(address, entry);
    return;
  }
  entry.status = Status::kFailed;
  entry.error = std::move(error);
  leave_locked();
}

bool FaultQueue::has_deferred() const {
  const std::lock_guard lock(mutex_);
  return !deferred_.empty();
}

void FaultQueue::retry_deferred() {
  const std::lock_guard lock(mutex_);
  for (const std::uint64_t address : std::exchange(deferred_, {})) {
    entries_.at(address).status = Status::kQueued;
    ready_.push_back(address);
  }
}

bool FaultQueue::wait_until_quiet(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return unsettled_ == 0 || interrupted_; });
  return unsettled_ == 0 && !interrupted_;
}

void FaultQueue::wait_until_served() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unsettled_ == deferred_.size() || interrupted_; });
}

void FaultQueue::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  changed_.notify_all();
}

std::vector<UnresolvedFault> FaultQueue::unresolved(Duration older_than) const {
  const TimePoint now = SteadyClock::now();
  const std::lock_guard lock(mutex_);
  std::vector<UnresolvedFault> faults;
  for (const auto& [address, entry] : entries_) {
    if (now - entry.since >= older_than) faults.push_back({address, now - entry.since, entry.error});
  }
  return faults;
}

std::optional<Fault> FaultQueue::take_locked(std::deque<std::uint64_t>& from) {
  if (from.empty()) return std::nullopt;
  const std::uint64_t address = from.front();
  from.pop_front();
  Entry& entry = entries_.at(address);
  entry.status = Status::kServing;
  return Fault{address, entry.since, entry.examinations};
}

/// Set aside, since who has just served it is a worker or looks for one next; who reads may be waiting for events.
void FaultQueue::serve_again_locked(std::uint64_t address, Entry& entry) {
  entry.status = Status::kQueued;
  entry.again = false;
  set_aside_.push_back(address);
}

void FaultQueue::leave_locked() {
  if (--unsettled_ == deferred_.size()) changed_.notify_all();
}

}  // namespace snaphammer::uffd
